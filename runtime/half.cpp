// By scaling with powers of two, which is exact.
#include "half.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tarn::runtime {

struct HalfFormat {
  int fraction_bits;
  int bias;
  int least_exponent() const { return 1 - bias; }  // of a normal number
  int infinity() const { return (2 * bias + 1) << fraction_bits; }
};

static HalfFormat format_of(uint32_t dtype) {
  return dtype == TARN_F16 ? HalfFormat{10, 15} : HalfFormat{7, 127};
}

double half_value(uint16_t bits, uint32_t dtype) {
  HalfFormat format = format_of(dtype);
  int size = bits & 0x7FFF, field = size >> format.fraction_bits, one = 1 << format.fraction_bits;
  int digits = (size & (one - 1)) + (field > 0 ? one : 0);
  double value = std::ldexp(digits, std::max(field, 1) - format.bias - format.fraction_bits);
  if (size == format.infinity()) value = HUGE_VAL;
  if (size > format.infinity()) value = NAN;
  return (bits & 0x8000) != 0 ? -value : value;
}

double read_half(const unsigned char* data, uint32_t dtype, uint64_t index) {
  uint16_t bits = 0;
  memcpy(&bits, data + index * sizeof bits, sizeof bits);
  return half_value(bits, dtype);
}

uint16_t half_bits(double value, uint32_t dtype) {
  HalfFormat format = format_of(dtype);
  int sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return static_cast<uint16_t>(sign | format.infinity() | 1 << (format.fraction_bits - 1));
  if (value == 0) return static_cast<uint16_t>(sign);
  if (std::fabs(value) >= std::ldexp(1.0, format.bias + 1)) return static_cast<uint16_t>(sign | format.infinity());
  int exponent = std::max(std::ilogb(value), format.least_exponent());
  // Rounds to even, as programs start.  The leading digit of a normal number adds one to the exponent's field, and so
  // does a carry, which may make the largest number infinity.
  auto digits = static_cast<int>(std::nearbyint(std::ldexp(std::fabs(value), format.fraction_bits - exponent)));
  return static_cast<uint16_t>(sign | (((exponent - format.least_exponent()) << format.fraction_bits) + digits));
}

}  // namespace tarn::runtime
