// Moves reshapes that merge dimensions behind elementwise ops and transposes.
//
// What: an elementwise op on a merged value is computed on the value before, its other operands split (which is a
//       view), and the result is merged instead; so it goes on until something else reads the merged value.
// Why: no affine index reads through a merge, so that its operand must be in memory. The gradient of pooling merges
//      windows into an image: behind it, what made the windows and what reads the image are one kernel.
// Before: %m = reshape %x : f32[8,28];          %y = mul %m, %z : f32[8,28]
// After:  %s = reshape %z : f32[8,14,2];        %p = mul %x, %s : f32[8,14,2];  %y = reshape %p : f32[8,28]
// Not: where another operand is a contract's own result, whose epilogue the op becomes if its shape stays.
// Cost: linear in the number of ops.
#pragma once

#include "passes/pass.h"

namespace tarn {

extern const Pass pass_sink_merges;

}  // namespace tarn
