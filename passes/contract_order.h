// Chooses the order in which products of several tensors are multiplied.
//
// What: contracts whose results only another contract reads form one product of many factors, with any labels. It is
//       multiplied in the order that takes the fewest operations: the best of all trees for up to 8 factors, else the
//       cheapest pair again and again. The product stays as it is where no other order takes fewer.
// Why: `a @ b @ c` and an einsum of many operands are written from left to right, which can take any factor more than
//      the best order. The gradients of a contract take as many operations as itself, so that the best order of the
//      forward pass, found before autodiff, is the best of the whole step.
// Before: %t = contract %a, %b, spec="ij,jk->ik";  %y = contract %t, %c, spec="ik,kl->il"   a: [1000,2], b: [2,1000]
// After:  %t = contract %b, %c, spec="jk,kl->jl";  %y = contract %a, %t, spec="ij,jl->il"   c: [1000,2]
// Cost: linear in the number of ops; 3^n steps for a product of n <= 8 factors, n^3 for longer ones.
#pragma once

#include "ir/graph.h"
#include "passes/pass.h"

namespace tarn {

// Multiplications and additions of all contracts of a function.
double contract_flops(const Func& func);

extern const Pass pass_contract_order;

}  // namespace tarn
