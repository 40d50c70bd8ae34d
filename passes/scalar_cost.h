// What one element of an elementwise op costs, by the scalar operations that the op itself states.
#pragma once

#include "ir/graph.h"

namespace tarn {

// Additions, comparisons, selections and the like count 1, divisions and functions `function_cost`; constants nothing.
// 0 where the op is not elementwise.
int scalar_cost(const Func& func, const Op& op, int function_cost);

}  // namespace tarn
