// The order in which groups run.
//
// Values flow from earlier groups to later ones.  Beyond that, where no cycle follows, the loss comes before whatever
// stores over parameters and states, and each reader of an argument before the group that may store over it.
#pragma once

#include "passes/fusion_groups.h"

namespace tarn {

// Groups that have ops.  `carries`: of the loop whose body the function is; 0 for entry functions.
std::vector<int> execution_order(const FusionState& state, size_t carries);

}  // namespace tarn
