// Kahn's algorithm, in the original order where it leaves a choice.
#include "passes/fusion_order.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "ir/base/check.h"

namespace tarn {

// Adds first -> second unless that closes a cycle.
static void add_edge(std::vector<std::set<int>>& before, int first, int second) {
  std::vector<int> pending = {first};
  std::set<int> seen;
  while (!pending.empty()) {
    int group = pending.back();
    pending.pop_back();
    if (group == second) return;
    for (int earlier : before[static_cast<size_t>(group)]) {
      if (seen.insert(earlier).second) pending.push_back(earlier);
    }
  }
  before[static_cast<size_t>(second)].insert(first);
}

// Readers of an argument come before the group that may store over it.
static void read_before_written(const FusionState& s, std::vector<std::set<int>>& before, ValueId argument,
                                int writer) {
  for (size_t op = 0; op < s.func.ops.size(); ++op) {
    int reader = s.group_of[op];
    if (reader < 0 || reader == writer) continue;
    for (const FusionSource& source : s.sources[op]) {
      if (source.value == argument) add_edge(before, reader, writer);
    }
  }
}

// Groups before which others must come although no value flows between them.
static void add_soft_order(const FusionState& s, size_t carries, std::vector<std::set<int>>& before) {
  std::map<std::string, ValueId> argument_of;
  for (const Argument& arg : s.func.args) argument_of[s.func.name_of(arg.value)] = arg.value;
  int loss_group = -1;
  for (const FuncResult& result : s.func.results) {
    if (result.role == Role::Loss) loss_group = s.maker_of(result.value);
  }
  for (const FuncResult& result : s.func.results) {
    int writer = s.maker_of(result.value);
    if (!is_persistent(result.role) || writer < 0) continue;
    if (loss_group >= 0 && loss_group != writer) add_edge(before, loss_group, writer);
    auto argument = argument_of.find(result.name);
    if (argument != argument_of.end()) read_before_written(s, before, argument->second, writer);
  }
  for (size_t c = 0; c < carries; ++c) {
    int writer = s.maker_of(s.func.results[c].value);
    if (writer >= 0) read_before_written(s, before, s.func.args[c].value, writer);
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
  std::vector<std::set<int>> before(s.groups.size());
  for (size_t g = 0; g < s.groups.size(); ++g) {
    if (!s.groups[g].ops.empty()) before[g] = producers_of(s, static_cast<int>(g));
  }
  add_soft_order(s, carries, before);
  std::set<std::pair<int, int>> waiting;  // (anchor, group)
  for (size_t g = 0; g < s.groups.size(); ++g) {
    if (!s.groups[g].ops.empty()) waiting.insert({anchor_of(s, s.groups[g]), static_cast<int>(g)});
  }
  std::vector<int> order;
  std::set<int> done;
  while (!waiting.empty()) {
    auto ready = std::find_if(waiting.begin(), waiting.end(), [&](const auto& entry) {
      const std::set<int>& needed = before[static_cast<size_t>(entry.second)];
      return std::includes(done.begin(), done.end(), needed.begin(), needed.end());
    });
    TARN_CHECK(ready != waiting.end(), "the groups of @{} depend on each other in a cycle", s.func.name);
    order.push_back(ready->second);
    done.insert(ready->second);
    waiting.erase(ready);
  }
  return order;
}

}  // namespace tarn
