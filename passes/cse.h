// Computes each distinct expression once.
//
// What: an op equal to an earlier one (same op, operands and attributes; operands in any order where the op commutes)
//       gives way to it.  All ops are pure, so equal ops have equal results.
//       A function that still holds a `grad` is left alone: a target and an equal value have different gradients.
// Why here: after autodiff, whose rules state constants and forward values anew for each op.
// Before: %a = exp %x;  %b = exp %x;  %c = add %a, %b
// After:  %a = exp %x;  %c = add %a, %a
// Cost: n log n in the number of ops.
// Source: value numbering; Muchnick, Advanced Compiler Design and Implementation, 1997, section 12.4.
#pragma once

#include "passes/pass.h"

namespace tarn {

extern const Pass pass_cse;

}  // namespace tarn
