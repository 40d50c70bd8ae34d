// Which ops run in one kernel: the decisions of pass fuse.
#pragma once

#include <set>
#include <vector>

#include "passes/fusion_sources.h"
#include "passes/target_wishes.h"

namespace tarn {

enum class GroupKind : uint8_t {
  Loops,     // elementwise ops and reductions
  Contract,  // one contract and elementwise ops on its result
  Scalars,   // everything computed from scalar arguments alone (step, hypers): one group, before all others
  Alias,     // one Alias op; no kernel
  Scan,      // one Scan op; the kernels are its body's
};

struct FusionGroup {
  std::vector<int> ops;  // indices into func.ops, ascending
  GroupKind kind = GroupKind::Loops;
  Shape domain;  // the loops that all ops of the group share
};

struct FusionPlan {
  std::vector<FusionRole> roles;    // of each op
  std::vector<FusionGroup> groups;  // in execution order
  std::vector<bool> is_stored;      // of each value: it is written to memory by its group
};

// `carries`: of the loop whose body `func` is; 0 for entry functions.
FusionPlan plan_fusion(const Func& func, size_t carries, const TargetWishes& wishes);

// What the planner knows, for its parts in files of their own.
struct FusionState {
  const Func& func;
  const std::vector<int>& defining;
  const std::vector<bool>& needs_memory;            // of each value
  std::vector<FusionRole>& roles;                   // of each op
  std::vector<std::vector<FusionSource>>& sources;  // of each op
  std::vector<FusionGroup>& groups;                 // a group that others took over has no ops
  std::vector<int>& group_of;                       // of each op; -1: free

  // The group that makes the value, or -1.
  int maker_of(ValueId value) const {
    int op = defining[value.index];
    return op < 0 ? -1 : group_of[static_cast<size_t>(op)];
  }
};

// The other groups that `group` reads from.
std::set<int> producers_of(const FusionState& state, int group);

}  // namespace tarn
