// Random functions of the tensor IR, to compare the interpreter with every pass and every back end.
//
//   for (uint64_t seed = 1; seed <= 300; ++seed) {
//     CAPTURE(seed);
//     Module module = random_module(seed);
//     std::vector<Tensor> args = random_args(module.funcs[0], seed);
//     ... interpret(module, module.funcs[0], args) against what is to be tested ...
//   }
//
// A graph has 3 to 40 ops of all forms but call and grad, and bodies of loops; values of rank 0 to 5 with sizes 0, 1,
// primes and 2^k +- 1; edges are shared and duplicated, some ops are dead.  The one entry function is @f: arguments
// have role input (of all dtypes), hyper (f64 scalars) or seed; results have role output.  Intervals are tracked while
// it grows, so that for arguments from random_args every value is finite, below 10^3, and far from the poles of div,
// log, sqrt and pow. Equal seeds and options give equal graphs.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/interpret.h"

namespace tarn {

struct RandomGraphOptions {
  int min_ops = 3;
  int max_ops = 40;
  int64_t max_elements = 2000;  // of one value
  bool differentiable = false;  // no stop_gradient, whose rule is not the derivative
  bool with_empty = true;       // sizes of 0
  bool scans = true;            // loops, one in another too
  bool halves = false;          // values of f16 and bf16 too
};

Module random_module(uint64_t seed, const RandomGraphOptions& options = {});

// Numbers for each argument, exact in its dtype (in f32 for the 16-bit floats: whoever takes them rounds them): floats in
// [-2, 2], integers in [0, 9].
std::vector<Tensor> random_args(const Func& func, uint64_t seed);

// Makes the results of @f a scalar loss (the float results times new arguments `weights`, summed) and d loss / d x for
// each other float argument x, by a `grad` op that autodiff expands; a second time, gradients of second order too.
// False where @f has no float result or argument.
bool add_loss_and_gradients(Func& func, uint64_t seed);
bool is_differentiated(const Func& func, const Argument& arg);

// The largest |a - b| / max(1, |a|) over results of the same types; infinite where one is and the other is not.
double distance(const std::vector<Tensor>& a, const std::vector<Tensor>& b);

}  // namespace tarn
