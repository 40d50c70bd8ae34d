// Replaces expressions by cheaper ones of the same value, and computes constants.
//
// What: the rules of simplify.cpp and simplify_shape.cpp, each an equation, until none fires.  They terminate, for each
//       makes the function cheaper, or as cheap with a view or cast nearer to the results.
// Kept: NaN and infinity (x * 0 is no 0).  Not kept: the sign of a zero, and the last bits of f32 sums that are joined.
//       A function that still holds a `grad` is left alone: a target and what it equals have different gradients.
// Why here: after autodiff, whose rules state constants, broadcasts and sums for the general case.
// Before: %one = constant 1.0;  %y = mul %x, %one;  %z = pow %y, 2.0
// After:  %z = mul %x, %x      (and dead constants, for dce)
// Cost: linear in the number of ops for each sweep; a few sweeps.
// Source: the laws of rewriting as in Cranelift's ISLE (cranelift/codegen/src/opts/README.md).
#pragma once

#include "passes/pass.h"

namespace tarn {

extern const Pass pass_simplify;

}  // namespace tarn
