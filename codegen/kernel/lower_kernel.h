// A kernel function of the tensor IR (the fused ops) to loops.
#pragma once

#include "codegen/kernel/kernel.h"
#include "ir/graph.h"

namespace tarn {

// Every result is computed lazily from the arguments: an op's scalar code is emitted where a value at some index is
// first asked for, in the outermost loop that has all variables of that index.  Results with a common prefix of
// dimensions share the loops over it.
//
// `func`: of kind Kernel, verified, over forms other than Call and Gradient; each contract operand, each operand of a
// view that can read outside its range, a gather's table and a scatter's updates is an argument, or a view of one.
Kernel lower_kernel(const Func& func);

}  // namespace tarn
