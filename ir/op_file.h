// All that a file in ir/ops needs: the record, the builder for gradient rules, shared rules, and sample sets.
#pragma once

#include <cmath>

#include "ir/builder.h"
#include "ir/op_def.h"
#include "ir/shape_rules.h"

namespace tarn {

// For bodies that are one scalar operation.
template <ScalarOp kOp>
Scalar lower_as(ScalarEmitter& e, std::span<const Scalar> x, DType) {
  return e.apply(kOp, x, DType::F32);
}

// Samples of an elementwise op with `arity` operands drawn from [lo, hi]: a matrix, a scalar, an empty dimension,
// a prime length and size-1 dimensions; where dtype is f32, f16 and bf16 too.
std::vector<Sample> elementwise_samples(int arity, double lo = -2, double hi = 2, const std::vector<double>& avoid = {},
                                        DType dtype = DType::F32);
// The same followed by one sample of i32.
std::vector<Sample> number_samples(int arity, double lo = -2, double hi = 2, const std::vector<double>& avoid = {});
// Two floats, then integers of 0 to 3, which are often equal.
std::vector<Sample> comparison_samples();
// Reductions over all, none, first, last, middle and size-1 dimensions; `with_empty` adds reductions of nothing.
std::vector<Sample> reduce_samples(double lo, double hi, bool with_empty);
// Those with `with_empty`, and some that accumulate in a wider dtype than that of their elements.
std::vector<Sample> accumulate_samples(double lo, double hi);

}  // namespace tarn
