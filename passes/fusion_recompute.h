// Which values kernels compute anew from what lies in memory, instead of reading them from there.
//
// A cheap elementwise value (a sum, a product, a comparison) that one group stores for others is left out of memory
// where all that move less: its readers compute it from its own operands, which they may read anyway.  So the gradients
// of a normalisation's parameters are sums over products made on the spot, and a mask is compared where it is used.
#pragma once

#include "passes/fusion_groups.h"

namespace tarn {

// What the planner of fusion_groups.cpp knows: groups are formed, but not yet in order.
struct FusionState {
  const Func& func;
  const std::vector<int>& defining;
  const std::vector<bool>& needs_memory;            // of each value
  std::vector<FusionRole>& roles;                   // of each op
  std::vector<std::vector<FusionSource>>& sources;  // of each op
  std::vector<FusionGroup>& groups;
  std::vector<int>& group_of;  // of each op; -1: free
};

// Ops become Free and leave their groups.
void recompute_cheap_values(FusionState state);

}  // namespace tarn
