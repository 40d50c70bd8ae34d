// Kahn's algorithm, in the original order where it leaves a choice.
#include "passes/fusion_order.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "ir/base/check.h"

namespace tarn {

namespace {

// Which groups come before which.
class Order {
 public:
  explicit Order(const FusionState& state)
      : state_(state), before_(state.groups.size()), seen_(state.groups.size(), 0) {
    for (size_t g = 0; g < state.groups.size(); ++g) {
      if (!state.groups[g].ops.empty()) before_[g] = producers_of(state, static_cast<int>(g));
    }
    readers_.resize(state.func.values.size());
    for (size_t op = 0; op < state.func.ops.size(); ++op) {
      if (state.group_of[op] < 0) continue;
      for (const FusionSource& source : state.sources[op]) readers_[source.value.index].push_back(state.group_of[op]);
    }
  }

  const std::vector<std::set<int>>& before() const { return before_; }

  // Adds first -> second unless that closes a cycle.
  void add(int first, int second) {
    std::vector<int> pending = {first};
    ++search_;
    while (!pending.empty()) {
      int group = pending.back();
      pending.pop_back();
      if (group == second) return;
      for (int earlier : before_[static_cast<size_t>(group)]) {
        if (std::exchange(seen_[static_cast<size_t>(earlier)], search_) != search_) pending.push_back(earlier);
      }
    }
    before_[static_cast<size_t>(second)].insert(first);
  }

  // Readers of an argument come before the group that may store over it.
  void read_before_written(ValueId argument, int writer) {
    for (int reader : readers_[argument.index]) {
      if (reader != writer) add(reader, writer);
    }
  }

 private:
  const FusionState& state_;
  std::vector<std::set<int>> before_;      // of each group
  std::vector<std::vector<int>> readers_;  // of each value: groups, in the order of their ops
  std::vector<int> seen_;                  // of each group: the last search that met it
  int search_ = 0;
};

}  // namespace

// Groups before which others must come although no value flows between them.
static void add_soft_order(const FusionState& s, size_t carries, Order& order) {
  std::map<std::string, ValueId> argument_of;
  for (const Argument& arg : s.func.args) argument_of[s.func.name_of(arg.value)] = arg.value;
  int loss_group = -1;
  for (const FuncResult& result : s.func.results) {
    if (result.role == Role::Loss) loss_group = s.maker_of(result.value);
  }
  for (const FuncResult& result : s.func.results) {
    int writer = s.maker_of(result.value);
    if (!is_persistent(result.role) || writer < 0) continue;
    if (loss_group >= 0 && loss_group != writer) order.add(loss_group, writer);
    auto argument = argument_of.find(result.name);
    if (argument != argument_of.end()) order.read_before_written(argument->second, writer);
  }
  for (size_t c = 0; c < carries; ++c) {
    int writer = s.maker_of(s.func.results[c].value);
    if (writer >= 0) order.read_before_written(s.func.args[c].value, writer);
  }
}

// Where a group stands in the original order: at its contract, else at its last op.
static int anchor_of(const FusionState& s, const FusionGroup& group) {
  if (group.kind == GroupKind::Scalars) return -1;
  for (int op : group.ops) {
    if (s.roles[static_cast<size_t>(op)] == FusionRole::Contract) return op;
  }
  return group.ops.back();
}

std::vector<int> execution_order(const FusionState& s, size_t carries) {
  Order soft(s);
  add_soft_order(s, carries, soft);
  std::vector<size_t> waits_for(s.groups.size());
  std::vector<std::vector<int>> after(s.groups.size());
  std::set<std::pair<int, int>> ready;  // (anchor, group)
  size_t count = 0;
  auto make_ready = [&](int group) { ready.insert({anchor_of(s, s.groups[static_cast<size_t>(group)]), group}); };
  for (size_t g = 0; g < s.groups.size(); ++g) {
    if (s.groups[g].ops.empty()) continue;
    ++count;
    waits_for[g] = soft.before()[g].size();
    for (int earlier : soft.before()[g]) after[static_cast<size_t>(earlier)].push_back(static_cast<int>(g));
    if (waits_for[g] == 0) make_ready(static_cast<int>(g));
  }
  std::vector<int> order;
  while (!ready.empty()) {
    int group = ready.begin()->second;
    ready.erase(ready.begin());
    order.push_back(group);
    for (int later : after[static_cast<size_t>(group)]) {
      if (--waits_for[static_cast<size_t>(later)] == 0) make_ready(later);
    }
  }
  TARN_CHECK(order.size() == count, "the groups of @{} depend on each other in a cycle", s.func.name);
  return order;
}

}  // namespace tarn
