// Decides which ops run in one kernel.
#include "passes/fusion_groups.h"

#include <algorithm>
#include <set>
#include <utility>

#include "ir/op_def.h"
#include "ir/scan.h"
#include "passes/fusion_order.h"
#include "passes/fusion_recompute.h"
#include "passes/fusion_repeats.h"

namespace tarn {

namespace {

class FusionPlanner {
 public:
  FusionPlanner(const Func& func, size_t carries, const TargetWishes& wishes)
      : func_(func),
        carries_(carries),
        wishes_(wishes),
        defining_(defining_ops(func)),
        group_of_(func.ops.size(), -1),
        readers_(func.values.size()),
        needs_memory_(func.values.size()) {}

  FusionPlan run() {
    assign_roles();
    for (size_t i = 0; i < func_.ops.size(); ++i) {
      sources_.push_back(sources_of_op(func_, defining_, roles_, static_cast<int>(i)));
      for (const FusionSource& source : sources_.back()) readers_[source.value.index].push_back(static_cast<int>(i));
    }
    for (size_t i = 0; i < func_.ops.size(); ++i) place(static_cast<int>(i));
    sink_masks();
    inline_single_readers();
    recompute_cheap_values(state(), wishes_);
    return finish();
  }

 private:
  FusionState state() { return {func_, defining_, needs_memory_, roles_, sources_, groups_, group_of_}; }

  // A free op whose value must be in memory (a result, or what an alias names) is computed like any other.
  void assign_roles() {
    for (const Op& op : func_.ops) roles_.push_back(role_by_form(func_, op));
    for (const FuncResult& result : func_.results) make_computed(result.value);
    for (size_t i = 0; i < func_.ops.size(); ++i) {
      bool names_memory = roles_[i] == FusionRole::Alias || roles_[i] == FusionRole::Scan;
      for (ValueId operand : func_.ops[i].operands) {
        if (names_memory) make_computed(operand);
      }
    }
    for (const FuncResult& result : func_.results) needs_memory_[result.value.index] = true;
  }

  void make_computed(ValueId value) {
    int op = defining_[value.index];
    if (op >= 0 && roles_[static_cast<size_t>(op)] == FusionRole::Free)
      roles_[static_cast<size_t>(op)] = FusionRole::Pointwise;
  }

  const std::vector<FusionSource>& sources_of(int op) const { return sources_[static_cast<size_t>(op)]; }

  int group_of(ValueId value) const {
    int op = defining_[value.index];
    return op < 0 ? -1 : group_of_[static_cast<size_t>(op)];
  }

  void place(int index) {
    FusionRole role = roles_[static_cast<size_t>(index)];
    if (role == FusionRole::Free) return;
    const std::vector<FusionSource>& sources = sources_of(index);
    bool reads_memory = role == FusionRole::Contract || role == FusionRole::Alias || role == FusionRole::Scan;
    for (const FusionSource& source : sources) {
      if (reads_memory || source.needs_memory) needs_memory_[source.value.index] = true;
    }
    if (is_scalar_prelude(index)) return add_to_scalars(index);
    int own = static_cast<int>(groups_.size());
    GroupKind kind = role == FusionRole::Contract ? GroupKind::Contract
                     : role == FusionRole::Alias  ? GroupKind::Alias
                     : role == FusionRole::Scan   ? GroupKind::Scan
                                                  : GroupKind::Loops;
    groups_.push_back({{index}, kind, func_.type(func_.ops[static_cast<size_t>(index)].result()).shape});
    group_of_[static_cast<size_t>(index)] = own;
    if (reads_memory) return;
    std::set<int, std::greater<>> producers;
    for (const FusionSource& source : sources) {
      if (int group = group_of(source.value); group >= 0 && group != own) producers.insert(group);
    }
    for (int producer : producers) try_join(producer, own);
  }

  bool is_scalar_prelude(int index) const {
    if (func_.type(func_.ops[static_cast<size_t>(index)].result()).rank() > 0) return false;
    if (roles_[static_cast<size_t>(index)] == FusionRole::Scan) return false;
    for (const FusionSource& source : sources_of(index)) {
      if (func_.type(source.value).rank() > 0) return false;
      int group = group_of(source.value);
      if (defining_[source.value.index] >= 0 && (group < 0 || group != scalars_group_)) return false;
    }
    return true;
  }

  void add_to_scalars(int index) {
    if (scalars_group_ < 0) {
      scalars_group_ = static_cast<int>(groups_.size());
      groups_.push_back({{}, GroupKind::Scalars, {}});
    }
    groups_[static_cast<size_t>(scalars_group_)].ops.push_back(index);
    group_of_[static_cast<size_t>(index)] = scalars_group_;
  }

  bool is_only_pointwise(const FusionGroup& group) const {
    return std::all_of(group.ops.begin(), group.ops.end(),
                       [&](int op) { return roles_[static_cast<size_t>(op)] == FusionRole::Pointwise; });
  }

  bool has_uniform_shape(const FusionGroup& group, const Shape& shape) const {
    return std::all_of(group.ops.begin(), group.ops.end(),
                       [&](int op) { return func_.type(func_.ops[static_cast<size_t>(op)].result()).shape == shape; });
  }

  bool repeats_a_reduction(const FusionGroup& producer, const FusionGroup& consumer, int64_t shared) const {
    std::vector<int> joined = producer.ops;
    joined.insert(joined.end(), consumer.ops.begin(), consumer.ops.end());
    return repeats_reduction({func_, roles_, sources_, readers_, needs_memory_}, std::move(joined), shared);
  }

  // How many leading dimensions the two groups can share as loops, or -1 where they cannot be one kernel.
  int64_t common_domain(const FusionGroup& producer, int producer_index, const FusionGroup& consumer) const {
    auto never_joins = [](const FusionGroup& group) {
      return group.kind == GroupKind::Alias || group.kind == GroupKind::Scan || group.kind == GroupKind::Scalars;
    };
    if (never_joins(producer) || never_joins(consumer)) return -1;
    int64_t shared = static_cast<int64_t>(std::min(producer.domain.size(), consumer.domain.size()));
    for (int op : consumer.ops) {
      for (const FusionSource& source : sources_of(op)) {
        if (group_of(source.value) != producer_index) continue;
        if (source.needs_memory || roles_[static_cast<size_t>(op)] == FusionRole::Contract) return -1;
        shared = std::min(shared, source.prefix);
      }
    }
    for (int64_t d = 0; d < shared; ++d) {
      if (producer.domain[static_cast<size_t>(d)] != consumer.domain[static_cast<size_t>(d)]) return -1;
    }
    bool both_scalar = producer.domain.empty() && consumer.domain.empty();
    if (shared == 0 && !both_scalar) return -1;
    const FusionGroup* contract = producer.kind == GroupKind::Contract   ? &producer
                                  : consumer.kind == GroupKind::Contract ? &consumer
                                                                         : nullptr;
    if (!contract) return repeats_a_reduction(producer, consumer, shared) ? -1 : shared;
    const FusionGroup& other = contract == &producer ? consumer : producer;
    bool is_epilogue = other.kind != GroupKind::Contract && is_only_pointwise(other) &&
                       has_uniform_shape(other, contract->domain) &&
                       shared == static_cast<int64_t>(contract->domain.size());
    return is_epilogue ? shared : -1;
  }

  // True where a path leads from `from` to `to` through a third group.
  bool has_indirect_path(int from, int to) {
    met_.resize(groups_.size(), 0);
    ++search_;
    std::vector<int> pending;
    auto meet = [&](int group) {
      if (std::exchange(met_[static_cast<size_t>(group)], search_) != search_) pending.push_back(group);
    };
    for_each_producer(to, [&](int producer) {
      if (producer != from) meet(producer);
      return true;
    });
    while (!pending.empty()) {
      int group = pending.back();
      pending.pop_back();
      bool is_found = !for_each_producer(group, [&](int producer) {
        if (producer == from) return false;
        meet(producer);
        return true;
      });
      if (is_found) return true;
    }
    return false;
  }

  // Calls `visit` with each other group that `group` reads from, perhaps repeatedly, until it returns false.
  template <typename Visit>
  bool for_each_producer(int group, Visit visit) const {
    for (int op : groups_[static_cast<size_t>(group)].ops) {
      for (const FusionSource& source : sources_of(op)) {
        int producer = group_of(source.value);
        if (producer >= 0 && producer != group && !visit(producer)) return false;
      }
    }
    return true;
  }

  void try_join(int producer, int consumer) {
    FusionGroup& from = groups_[static_cast<size_t>(producer)];
    FusionGroup& into = groups_[static_cast<size_t>(consumer)];
    int64_t shared = common_domain(from, producer, into);
    if (shared < 0 || has_indirect_path(producer, consumer) || has_indirect_path(consumer, producer)) return;
    into.domain.resize(static_cast<size_t>(shared));
    absorb(from, into, consumer);
  }

  void absorb(FusionGroup& from, FusionGroup& into, int into_index) {
    if (from.kind == GroupKind::Contract) into.kind = GroupKind::Contract;
    for (int op : from.ops) group_of_[static_cast<size_t>(op)] = into_index;
    into.ops.insert(into.ops.end(), from.ops.begin(), from.ops.end());
    std::sort(into.ops.begin(), into.ops.end());
    from.ops.clear();
  }

  // A mask (x > 0, say) that only another group reads is computed there from what it is made of, if that is in memory
  // anyway: reading x again is cheaper than storing and reading the mask; or if it is less to store: where a window's
  // maximum is, say, rather than which elements are not it.
  void sink_masks() {
    for (size_t i = func_.ops.size(); i-- > 0;) {
      int group = group_of_[i];
      if (group < 0 || func_.type(func_.ops[i].result()).dtype != DType::Bool) continue;
      if (groups_[static_cast<size_t>(group)].ops.size() < 2 || needs_memory_[func_.ops[i].result().index]) continue;
      int reader = reader_of_mask(static_cast<int>(i));
      if (reader >= 0) move_op(static_cast<int>(i), reader);
    }
  }

  // The one other group that reads the mask and can hold it, or -1.
  int reader_of_mask(int mask) const {
    ValueId value = func_.ops[static_cast<size_t>(mask)].result();
    int64_t saved = func_.type(value).bytes();
    for (const FusionSource& source : sources_of(mask)) {
      bool is_in_memory = defining_[source.value.index] < 0 || needs_memory_[source.value.index];
      if (!is_in_memory) saved -= func_.type(source.value).bytes();
    }
    if (saved < 0) return -1;
    int reader = -1;
    for (int reading : readers_[value.index]) {
      size_t op = static_cast<size_t>(reading);
      if (group_of_[op] < 0) continue;
      bool is_once =
          roles_[op] == FusionRole::Pointwise && iterations_of(func_, func_.ops[op]) <= func_.type(value).elements();
      if (!is_once || group_of_[op] == group_of(value) || (reader >= 0 && reader != group_of_[op])) return -1;
      reader = group_of_[op];
    }
    return reader;
  }

  void move_op(int op, int to) {
    std::erase(groups_[static_cast<size_t>(group_of_[static_cast<size_t>(op)])].ops, op);
    std::vector<int>& ops = groups_[static_cast<size_t>(to)].ops;
    ops.insert(std::upper_bound(ops.begin(), ops.end(), op), op);
    group_of_[static_cast<size_t>(op)] = to;
  }

  // Step 4: a group of elementwise ops with one reading group moves into it, if that computes no element twice.
  void inline_single_readers() {
    for (size_t g = groups_.size(); g-- > 0;) {
      FusionGroup& group = groups_[g];
      if (group.ops.empty() || group.kind != GroupKind::Loops || !is_only_pointwise(group)) continue;
      int reader = only_reader(static_cast<int>(g));
      if (reader < 0) continue;
      absorb(group, groups_[static_cast<size_t>(reader)], reader);
    }
  }

  // The one group that reads `group` and may compute it in place, or -1.
  int only_reader(int group) const {
    for (int op : groups_[static_cast<size_t>(group)].ops) {
      const Op& made = func_.ops[static_cast<size_t>(op)];
      if (needs_memory_[made.result().index] || func_.type(made.result()).rank() == 0) return -1;
    }
    int reader = -1;
    for (int made : groups_[static_cast<size_t>(group)].ops) {
      ValueId value = func_.ops[static_cast<size_t>(made)].result();
      for (int reading : readers_[value.index]) {
        int reading_group = group_of_[static_cast<size_t>(reading)];
        if (reading_group < 0 || reading_group == group) continue;
        if (reader >= 0 && reader != reading_group) return -1;
        if (func_.type(value).elements() < iterations_of(func_, func_.ops[static_cast<size_t>(reading)])) return -1;
        reader = reading_group;
      }
    }
    if (reader < 0 || groups_[static_cast<size_t>(reader)].kind == GroupKind::Alias) return -1;
    return reader;
  }

  FusionPlan finish() {
    FusionPlan plan{roles_, {}, std::vector<bool>(func_.values.size(), false)};
    for (size_t op = 0; op < func_.ops.size(); ++op) {
      if (group_of_[op] < 0) continue;
      for (ValueId result : func_.ops[op].results) {
        if (needs_memory_[result.index]) plan.is_stored[result.index] = true;
      }
      for (const FusionSource& source : sources_of(static_cast<int>(op))) {
        int producer = group_of(source.value);
        if (producer >= 0 && producer != group_of_[op]) plan.is_stored[source.value.index] = true;
      }
    }
    for (int group : execution_order(state(), carries_)) plan.groups.push_back(groups_[static_cast<size_t>(group)]);
    return plan;
  }

  const Func& func_;
  size_t carries_;
  const TargetWishes& wishes_;
  std::vector<int> defining_;
  std::vector<FusionRole> roles_;
  std::vector<std::vector<FusionSource>> sources_;  // of each op: what it reads through free ops, and how
  int scalars_group_ = -1;
  std::vector<FusionGroup> groups_;        // an absorbed group has no ops
  std::vector<int> group_of_;              // of each op; -1: free
  std::vector<std::vector<int>> readers_;  // of each value: the ops that have it among their sources
  std::vector<bool> needs_memory_;         // of each value
  std::vector<int> met_;                   // of each group: the last search for a path that met it
  int search_ = 0;
};

}  // namespace

std::set<int> producers_of(const FusionState& state, int group) {
  std::set<int> producers;
  for (int op : state.groups[static_cast<size_t>(group)].ops) {
    for (const FusionSource& source : state.sources[static_cast<size_t>(op)]) {
      int producer = state.maker_of(source.value);
      if (producer >= 0 && producer != group) producers.insert(producer);
    }
  }
  return producers;
}

FusionPlan plan_fusion(const Func& func, size_t carries, const TargetWishes& wishes) {
  return FusionPlanner(func, carries, wishes).run();
}

}  // namespace tarn
