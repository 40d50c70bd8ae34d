// The meaning of each scalar operation on numbers that are held in f64, for tests that run code by plain loops.
#pragma once

#include <span>

#include "ir/scalar.h"

namespace tarn {

// `from`: the dtype of the last operand; `to`: of the result.  Integers wrap and are exact up to 2^53; a float out of
// range becomes the nearest integer of i32 or i64, NaN 0.  f32 keeps its f64 digits.
double scalar_result(ScalarOp op, std::span<const double> x, DType from, DType to);

}  // namespace tarn
