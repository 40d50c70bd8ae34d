// The same kernel in the form that the planner likes: each loop has a variable of its own, loops of one iteration are
// gone, and nests that walk contiguous memory are one loop.
#pragma once

#include "codegen/kernel/kernel.h"

namespace tarn {

// Before: for i in 0..32 { for j in 0..64 { %1 = load %x[i,j] ... } }
// After:  for j in 0..2048 { %1 = load %x[j] ... }
Kernel prepare(const Kernel& kernel);

}  // namespace tarn
