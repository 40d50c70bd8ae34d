// Which values a scalar's gradient reaches.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace tarn {

// For each value of `func`: whether a chain of differentiable ops leads from it to `loss`.
std::vector<bool> gradient_reach(const Module& module, const Func& func, ValueId loss);

}  // namespace tarn
