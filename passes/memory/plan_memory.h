// Gives every value of the entry functions its place in the one arena.
//
// What: tensors that outlive an entry point (arguments and results of entry functions) lie at the arena's head, the
//       same for all entry points; a result is stored straight over the argument of its name where nothing reads that
//       later and nothing persistent would change before the loss is known.  All other values share the scratch after
//       it: largest first, each at the lowest offset free during its life (best fit would need more bookkeeping and
//       gains nothing on these graphs).
//       A loop's carries lie over its initial ones, its outputs straight in their stack, and the rest of its body in a
//       frame that lives during the loop.
// Why here: last, when kernels and their order are final.  codegen/program/build_program.h reads the result.
// Cost: quadratic in the number of values.
// Source: greedy by size, Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net Inference",
//         sec. 5.2.
#pragma once

#include "passes/pass.h"

namespace tarn {

extern const Pass pass_plan_memory;

}  // namespace tarn
