// Which ops run in one kernel: the decisions of pass fuse.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace tarn {

// How an op is computed.
enum class FusionRole : uint8_t {
  Free,       // a constant, iota or view, or cheap (fusion_recompute.h): recomputed wherever it is read
  Pointwise,  // one result element from operand elements at the same index
  Reduce,     // combines many elements of what it reads: a scatter too
  Contract,
  Alias,  // a reshape that merges dimensions: another name for memory
  Scan,   // a loop: its body is fused like a function
};

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
FusionPlan plan_fusion(const Func& func, size_t carries);

// The values that `operand` is computed from once free ops are folded away.
struct FusionSource {
  ValueId value;
  int64_t prefix;     // leading dimensions in which reader and value have the same index
  bool needs_memory;  // read through a view that can leave its range, or by loaded indices
};
void collect_sources(const Func& func, const std::vector<int>& defining, const std::vector<FusionRole>& roles,
                     ValueId operand, std::vector<FusionSource>& sources);

}  // namespace tarn
