// Moves out of a loop over time what need not be computed step by step.
//
// What: (1) What is the same in each iteration is computed once, before the loop.
//       (2) A product of an invariant (a weight) with what depends on slices only, x[t] @ w, becomes one product of the
//       whole sequence before the loop, whose slices the loop reads.
//       (3) A product with an invariant that only outputs need, and what follows from it, becomes one product of the
//       stacked outputs after the loop.
//       (4) A product of a concatenation, concat(x[t], h) @ w, is parted where that lets (2) apply.
// Why here: large products run at several times the speed of small ones, and their operands are packed once.
// Before: body(h, x, w, u):  %p = contract %x, %w;  %q = contract %h, %u;  ...
// After:  %p = contract X, W  outside;  body(h, p, u):  %q = contract %h, %u;  ...
// Cost: linear in the number of ops; the stacks of hoisted products take T times the memory of one.
// `loop_invariants` does (1) alone: after the layout pass, which copies weights as kernels read them.
#pragma once

#include "passes/pass.h"

namespace tarn {

extern const Pass pass_loop_motion;
extern const Pass pass_loop_invariants;

}  // namespace tarn
