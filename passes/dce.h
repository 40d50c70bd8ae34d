// Removes what nobody needs.
//
// What: ops from which no result of their function is computed, and functions that no entry point reaches by calls.
//       Arguments of entry points stay: they are the program's interface.
// Why here: last of the cleaning passes; autodiff, simplify and cse leave values without readers.
// Before: %a = exp %x;  %b = neg %x;  return %b
// After:  %b = neg %x;  return %b
// Cost: linear in the number of ops.
#pragma once

#include "passes/pass.h"

namespace tarn {

extern const Pass pass_dce;

}  // namespace tarn
