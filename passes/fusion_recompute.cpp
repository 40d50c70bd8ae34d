// Weighs, value by value, the bytes that are moved with it in memory and without.
#include "passes/fusion_recompute.h"

#include <algorithm>
#include <set>

#include "ir/op_def.h"
#include "passes/scalar_cost.h"

namespace tarn {

namespace {

class Recomputer {
 public:
  Recomputer(FusionState state, const TargetWishes& wishes)
      : s_(state), wishes_(wishes), readers_(state.func.values.size()) {
    for (const Op& op : s_.func.ops) {
      int cost = scalar_cost(s_.func, op, wishes.function_cost);
      is_cheap_.push_back(cost > 0 && cost <= wishes.cheap_operations);
    }
    for (size_t op = 0; op < s_.func.ops.size(); ++op) {
      if (s_.group_of[op] < 0) continue;
      for (const FusionSource& source : s_.sources[op]) add_reader(source.value, static_cast<int>(op));
    }
  }

  // Backwards: what a value is computed from may then be left out too.  What a round leaves out can make others worth
  // leaving out.
  void run() {
    constexpr int kRounds = 3;
    bool is_changed = true;
    for (int round = 0; round < kRounds && is_changed; ++round) {
      is_changed = false;
      for (size_t op = s_.func.ops.size(); op-- > 0;) is_changed |= consider(static_cast<int>(op));
    }
  }

 private:
  const Op& op_at(int op) const { return s_.func.ops[static_cast<size_t>(op)]; }
  int group_at(int op) const { return s_.group_of[static_cast<size_t>(op)]; }
  std::vector<FusionSource>& sources_at(int op) { return s_.sources[static_cast<size_t>(op)]; }
  std::vector<int>& readers_of(ValueId value) { return readers_[value.index]; }
  int64_t bytes(ValueId value) const { return s_.func.type(value).bytes(); }

  int maker_group(ValueId value) const {
    int op = s_.defining[value.index];
    return op < 0 ? -1 : group_at(op);
  }

  void add_reader(ValueId value, int op) {
    std::vector<int>& readers = readers_of(value);
    if (std::find(readers.begin(), readers.end(), op) == readers.end()) readers.push_back(op);
  }

  // The other groups that read the value.
  std::set<int> outer_readers(ValueId value, int own) {
    std::set<int> groups;
    for (int op : readers_of(value)) {
      if (group_at(op) != own) groups.insert(group_at(op));
    }
    return groups;
  }

  bool is_in_memory(ValueId value) {
    int maker = maker_group(value);
    return maker < 0 || s_.needs_memory[value.index] || !outer_readers(value, maker).empty();
  }

  // Every reader asks for each element once, at any place in its own loops.
  bool can_be_recomputed(int op) {
    ValueId value = op_at(op).result();
    if (!is_cheap_[static_cast<size_t>(op)] || s_.func.type(value).rank() == 0 || s_.needs_memory[value.index])
      return false;
    if (s_.roles[static_cast<size_t>(op)] != FusionRole::Pointwise) return false;
    for (int reader : readers_of(value)) {
      const Op& reading = op_at(reader);
      bool is_reduce = std::holds_alternative<Reduce>(reading.def->body);
      if (!is_reduce && !std::holds_alternative<Elementwise>(reading.def->body)) return false;
      const Type& asked = s_.func.type(is_reduce ? reading.operands[0] : reading.result());
      if (asked.elements() > s_.func.type(value).elements()) return false;
    }
    return true;
  }

  // `op` and the cheap ops of its group behind it whose values are not in memory.
  std::set<int> cone_of(int op) {
    std::set<int> cone = {op};
    std::vector<int> pending = {op};
    while (!pending.empty()) {
      int next = pending.back();
      pending.pop_back();
      for (const FusionSource& source : sources_at(next)) {
        int maker = s_.defining[source.value.index];
        if (is_in_memory(source.value) || cone.contains(maker) || cone.size() == wishes_.most_recomputed_ops) continue;
        if (!can_be_recomputed(maker)) continue;
        cone.insert(maker);
        pending.push_back(maker);
      }
    }
    return cone;
  }

  std::set<ValueId> sources_of(const std::set<int>& cone) {
    std::set<ValueId> values;
    for (int op : cone) {
      for (const FusionSource& source : sources_at(op)) {
        if (!cone.contains(s_.defining[source.value.index])) values.insert(source.value);
      }
    }
    return values;
  }

  bool reads(int group, ValueId value) {
    std::vector<int>& readers = readers_of(value);
    return std::any_of(readers.begin(), readers.end(), [&](int op) { return group_at(op) == group; });
  }

  // What is moved more, less where negative, if the readers of `op`'s value compute it by `cone`.
  int64_t cost(int op, const std::set<int>& cone, const std::set<int>& readers) {
    ValueId value = op_at(op).result();
    int64_t cost = -bytes(value) * (wishes_.write_cost + static_cast<int64_t>(readers.size()));
    for (ValueId source : sources_of(cone)) {
      if (!is_in_memory(source)) cost += wishes_.write_cost * bytes(source);
      for (int reader : readers) cost += reads(reader, source) || maker_group(source) == reader ? 0 : bytes(source);
    }
    return cost + unread(op);
  }

  // What the op's own group need not read any more.
  int64_t unread(int op) {
    std::vector<int>& readers = readers_of(op_at(op).result());
    int own = group_at(op);
    if (std::any_of(readers.begin(), readers.end(), [&](int reader) { return group_at(reader) == own; })) return 0;
    int64_t saved = 0;
    std::set<ValueId> seen;
    for (const FusionSource& source : sources_at(op)) {
      if (maker_group(source.value) == own || !seen.insert(source.value).second) continue;
      std::vector<int>& others = readers_of(source.value);
      bool is_read = std::any_of(others.begin(), others.end(), [&](int o) { return o != op && group_at(o) == own; });
      saved -= is_read ? 0 : bytes(source.value);
    }
    return saved;
  }

  bool consider(int op) {
    if (group_at(op) < 0 || !can_be_recomputed(op)) return false;
    std::set<int> readers = outer_readers(op_at(op).result(), group_at(op));
    if (readers.empty()) return false;
    std::set<int> cone = cone_of(op);
    if (cost(op, cone, readers) >= 0) return false;
    for (auto member = cone.rbegin(); member != cone.rend(); ++member) make_free(*member);
    return true;
  }

  // The readers of the op's value read its sources from now on.
  void make_free(int op) {
    ValueId value = op_at(op).result();
    std::vector<FusionSource> own = sources_at(op);
    for (const FusionSource& source : own) std::erase(readers_of(source.value), op);
    for (int reader : readers_of(value)) {
      std::vector<FusionSource> sources;
      for (const FusionSource& source : sources_at(reader)) {
        if (source.value != value) {
          sources.push_back(source);
          continue;
        }
        for (const FusionSource& behind : own) {
          sources.push_back(
              {behind.value, std::min(source.prefix, behind.prefix), source.needs_memory || behind.needs_memory});
          add_reader(behind.value, reader);
        }
      }
      sources_at(reader) = std::move(sources);
    }
    readers_of(value).clear();
    std::erase(s_.groups[static_cast<size_t>(group_at(op))].ops, op);
    s_.group_of[static_cast<size_t>(op)] = -1;
    s_.roles[static_cast<size_t>(op)] = FusionRole::Free;
  }

  FusionState s_;
  const TargetWishes& wishes_;
  std::vector<bool> is_cheap_;             // of each op
  std::vector<std::vector<int>> readers_;  // of each value: ops in groups that read it through free ops
};

}  // namespace

void recompute_cheap_values(FusionState state, const TargetWishes& wishes) {
  if (wishes.most_recomputed_ops > 0) Recomputer(state, wishes).run();
}

}  // namespace tarn
