// Expands each `grad` into the ops that compute it, in reverse mode.
//
// What: for %g = grad %loss, %w the ops between %w and %loss are walked backwards; each op's vjp rule turns the
//       cotangent of its result into those of its operands.  Only gradients that lead to a target are asked for, so
//       what is frozen costs nothing.  The gradient of a value is named `d.<its name>` and has the location of the
//       forward op, and contributions to one value are added in a fixed order: the last reader's first.
//       A target that does not reach the loss gets zeros; integers and bools cut the path.
// Again:  grads are expanded in order, and what an earlier one became is forward code to a later one (second order).
// Why here: first, on code that is still as the user wrote it, so that names and places are theirs.
// Before: %loss = exp %x;  %g = grad %loss, %x
// After:  %loss = exp %x;  %d.loss = constant 1.0;  %d.x = mul %d.loss, %loss
// Errors: an op on the path that has no gradient rule (autodiff.rule), with its location.
// Cost: linear in the number of ops.
// Source: Griewank and Walther, Evaluating Derivatives, SIAM 2008, chapter 3; JAX's linear transposition as in
//         Frostig et al., Decomposing reverse-mode automatic differentiation, 2021.
#pragma once

#include "passes/pass.h"

namespace tarn {

extern const Pass pass_autodiff;

}  // namespace tarn
