// Why a value is in memory: which kernels read it, and how.
#pragma once

#include <string>

#include "ir/graph.h"

namespace tarn {

// "for result `loss`, conv1.w (product), conv1.b (sum over 0,2,3)".  `func`: fused.
std::string uses_of(const Module& module, const Func& func, ValueId value);

}  // namespace tarn
