// Whether a kernel would compute reductions more than once.
#pragma once

#include <vector>

#include "passes/fusion_groups.h"

namespace tarn {

// Points at which an op asks for its operands.
int64_t iterations_of(const Func& func, const Op& op);

struct FusionReads {
  const Func& func;
  const std::vector<FusionRole>& roles;                   // of each op
  const std::vector<std::vector<FusionSource>>& sources;  // of each op
  const std::vector<std::vector<int>>& readers;           // of each value: ops that read it through free ops
  const std::vector<bool>& needs_memory;                  // of each value
};

// Whether some reduction's result would be computed more than once for each element, were `ops` one kernel whose loops
// share `shared` dimensions: what lies behind these is computed anew for each reader.  That costs the reduction's loop
// again, and its sum may round in another way, so that x == max(x), say, holds nowhere.
bool repeats_reduction(const FusionReads& reads, std::vector<int> ops, int64_t shared);

}  // namespace tarn
