// The 16-bit floats of a program's memory: TARN_F16 is IEEE 754 binary16, TARN_BF16 the upper half of an f32.
#pragma once

#include <cstdint>

#include "tarn_abi.h"

namespace tarn::runtime {

inline bool is_half(uint32_t dtype) {
  return dtype == TARN_F16 || dtype == TARN_BF16;
}

// The number that the bits stand for.
double half_value(uint16_t bits, uint32_t dtype);

// The nearest number's bits, the even one's of two; beyond the largest infinity's; NaN stays NaN, -0 stays.
uint16_t half_bits(double value, uint32_t dtype);

// Element `index` of an array of them.
double read_half(const unsigned char* data, uint32_t dtype, uint64_t index);

}  // namespace tarn::runtime
