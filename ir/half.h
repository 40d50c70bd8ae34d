// The 16-bit floats: f16 is IEEE 754 binary16 (11 significant bits, least normal 2^-14), bf16 the upper half of an f32
// (8 significant bits, least normal 2^-126).
#pragma once

#include <cstdint>

#include "ir/type.h"

namespace tarn {

// The nearest number of that 16-bit dtype, the even one of two; beyond the largest: infinity.  NaN stays NaN, -0 stays.
double round_to_half(double value, DType dtype);

// The bits of a number of that dtype, and back.
uint16_t half_bits(double value, DType dtype);
double half_value(uint16_t bits, DType dtype);

}  // namespace tarn
