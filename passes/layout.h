// Lays operands out as kernels read them.
//
// What: (1) In a contract, the last label of the result must be the last label of an operand, so that vectors of the
//       result read vectors of that operand; where it is not, the operand is transposed into memory of its own.
//       (2) The operand of a view that can read outside its range (pad) is made a value in memory.
//       (3) A result that is an argument of another name gets a value of its own.
// Why here: before fuse, which folds other views into the kernels that read them.
// Before: %d = contract %g, %w, spec="bn,kn->bk"
// After:  %t = transpose %w, perm=[1,0];  %c = copy %t;  %d = contract %g, %c, spec="bn,nk->bk"
// Cost: linear in the number of ops; each transpose reads and writes its operand once.
#pragma once

#include "passes/pass.h"

namespace tarn {

extern const Pass pass_layout;

}  // namespace tarn
