// Compares gradients with central differences, in f64 on the interpreter.
#pragma once

#include <random>
#include <vector>

#include "ir/interpret.h"

namespace tarn {

// Numbers for one use of an op: floats rounded to f32 (those of 16 bits too: whoever takes them rounds them) and away
// from `avoid`, integers and bools whole.
std::vector<Tensor> draw(const Sample& sample, std::mt19937_64& random);

// @f(x0, x1, ...) -> (y0: the op on them); arguments have role input.
Module module_of(const OpDef& def, const Sample& sample);

// Whether `sample` has a float result and a float operand.
bool is_differentiable_use(const OpDef& def, const Sample& sample);

// Over all float operands, |vjp - central difference| / max(|vjp|, 1e-3), both as vectors (2-norm), of the loss
// sum(w * op(x)) with random w; order 2: the same of the loss sum(u * d loss/dx).
double gradient_error(const OpDef& def, const Sample& sample, int order, std::mt19937_64& random);

// The same for a function whose results are a scalar and its gradients with respect to arguments `wrt`; autodiff has
// been run.  Up to 64 elements each is moved by itself, else 8 random directions are tried.
double gradient_error(const Module& module, const Func& func, const std::vector<size_t>& wrt,
                      const std::vector<Tensor>& args, double step, std::mt19937_64& random);

// Whether the function's slopes to either side differ by more than a small part of what such a gradient is off by.
bool has_kink(const Module& module, const Func& func, const std::vector<size_t>& wrt, const std::vector<Tensor>& args,
              uint64_t seed);

}  // namespace tarn
