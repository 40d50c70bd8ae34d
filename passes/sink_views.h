// Moves views and sums from the result of a contract into its operands.
//
// What: the linear ops that follow a contract, each its value's only reader, become part of it. A pad, slice or
//       window of a dimension of the result is one of the operands that have this dimension; a sum over a dimension of
//       the result contracts it. Chains of views that lead to an operand become one slice, one pad and windows of it.
// Why: autodiff makes of a convolution's input gradient a product as large as all windows, which are then shifted and
//       added up. Afterwards it is a convolution itself: one contract that reads windows of the padded cotangent, and
//       nothing is stored but this.
// Before: %t = contract %dy, %w, spec="bfh,fcr->bchr";  %p = pad %t, ...;  %v = window %p, ...
//         %dx = sum %v, axes=[3]
// After:  %p = pad %dy, ...;  %b = broadcast %p, ...;  %v = window %b, ...
//         %dx = contract %v, %w, spec="bfhr,fcr->bch"
// Cost: linear in the number of ops, times the length of chains of views.
#pragma once

#include "passes/pass.h"

namespace tarn {

extern const Pass pass_sink_views;

}  // namespace tarn
