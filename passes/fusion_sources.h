// How each op is computed, and what it reads once constants and views are folded into it.
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

FusionRole role_by_form(const Func& func, const Op& op);

// A value that is read through free ops.
struct FusionSource {
  ValueId value;
  int64_t prefix;     // leading dimensions in which reader and value have the same index
  bool needs_memory;  // read through a view that can leave its range, or by loaded indices
};

// All values that op number `op` reads, with how it reads them.  `roles`: of each op.
std::vector<FusionSource> sources_of_op(const Func& func, const std::vector<int>& defining,
                                        const std::vector<FusionRole>& roles, int op);

}  // namespace tarn
