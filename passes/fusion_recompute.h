// Which values kernels compute anew from what lies in memory, instead of reading them from there.
//
// A cheap elementwise value (a sum, a product, a comparison) that one group stores for others is left out of memory
// where all that move less: its readers compute it from its own operands, which they may read anyway.  So the gradients
// of a normalisation's parameters are sums over products made on the spot, and a mask is compared where it is used.
#pragma once

#include "passes/fusion_groups.h"

namespace tarn {

// Ops become Free and leave their groups.
void recompute_cheap_values(FusionState state, const TargetWishes& wishes);

}  // namespace tarn
