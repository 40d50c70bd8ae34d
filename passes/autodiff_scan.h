// The gradient of a loop is a loop in the other direction.
//
// The body is differentiated as any function: ops are added that take the cotangents of its next carries and outputs to
// those of its carries, slices and constants.  They become the body of a second scan, whose carries are cotangents.
// What they read of the forward body either
//   - is computed again where that is free or nearly so (constants, views, masks, whatever is the same in each run), or
//   - becomes one more stacked output of the forward scan, which the backward one reads as a sequence.
// The cotangent of a constant is a sum over all runs.  Where it is a product (a weight's), its two operands are stacked
// and multiplied once after the loop, summing over time as well; else it is accumulated as a carry.
// Cost: the forward loop's, about twice, and the memory of the stacked values.
// Source: Griewank and Walther, Evaluating Derivatives, SIAM 2008, chapter 12; the transposition of jax.lax.scan.
#pragma once

#include <vector>

#include "ir/builder.h"
#include "ir/op_def.h"

namespace tarn {

struct ScanDependents {
  std::vector<bool> body_args;  // of each argument of the body: is a float and computed from a marked operand
  std::vector<bool> results;    // of each result of the scan
};
// `operands`: which operands of the scan are marked.  What a carry becomes in one run, it is in the next.
ScanDependents scan_dependents(const Module& module, const Op& scan, const std::vector<bool>& operands);

// Emits the backward scan of op `index` of the builder's function, which gets more results.  `cotangents`: of its
// results, invalid where there is none; `needs`: which operands' gradients are asked for.
Result<Gradients> scan_gradients(Module& module, Builder& builder, size_t index, const std::vector<ValueId>& cotangents,
                                 const std::vector<bool>& needs);

}  // namespace tarn
