// Lays operands out as kernels read them.
//
// What: (1) Where the target wishes so (transposes_for_lanes): in a contract, the last label of the result must be the last label of an operand, so that vectors of the
//       result read vectors of that operand; where it is not, the operand is transposed into memory of its own, unless
//       it is a view of memory whose rows lie along that label (windows of it).
//       (2) Likewise (stores_padded_operands): what a contract reads through a view that can leave its range (pad) is stored once: its inner loop then
//       asks for no limits.  Windows of it are not.
//       (3) The operand of any other such view is made a value in memory.
//       (4) A result that is an argument of another name gets a value of its own.
//       (5) Each initial carry of a scan and each result of its body is a value of its own, so that the loop can store
//       carries over carries.
// Why here: before fuse, which folds other views into the kernels that read them.
// Before: %d = contract %g, %w, spec="bn,kn->bk"
// After:  %t = transpose %w, perm=[1,0];  %c = copy %t;  %d = contract %g, %c, spec="bn,nk->bk"
// Cost: linear in the number of ops; each transpose reads and writes its operand once.
#pragma once

#include "passes/pass.h"

namespace tarn {

extern const Pass pass_layout;

}  // namespace tarn
