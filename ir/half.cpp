// Rounding by scaling to an integer; bits by frexp.
#include "ir/half.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/base/check.h"

namespace tarn {

namespace {

struct HalfFormat {
  int fraction_bits;
  int least_exponent;  // of a normal number
  int bias;
};

HalfFormat format_of(DType dtype) {
  TARN_CHECK(is_half(dtype), "{} is no 16-bit float", dtype_name(dtype));
  return dtype == DType::F16 ? HalfFormat{10, -14, 15} : HalfFormat{7, -126, 127};
}

}  // namespace

double round_to_half(double value, DType dtype) {
  if (!std::isfinite(value) || value == 0) return value;
  HalfFormat format = format_of(dtype);
  int last_place = std::max(std::ilogb(value), format.least_exponent) - format.fraction_bits;
  // The current rounding mode is to nearest even; the power of two is a f64 however small the value.
  double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -last_place)), last_place);
  double beyond = std::ldexp(1.0, format.bias + 1);
  return std::fabs(rounded) >= beyond ? std::copysign(std::numeric_limits<double>::infinity(), value) : rounded;
}

uint16_t half_bits(double value, DType dtype) {
  HalfFormat format = format_of(dtype);
  auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  int infinity = (2 * format.bias + 1) << format.fraction_bits;
  if (std::isnan(value)) return static_cast<uint16_t>(sign | infinity | 1 << (format.fraction_bits - 1));
  if (std::isinf(value)) return static_cast<uint16_t>(sign | infinity);
  if (value == 0) return sign;
  int exponent = std::max(std::ilogb(value), format.least_exponent);
  auto digits = static_cast<int>(std::ldexp(std::fabs(value), format.fraction_bits - exponent));
  // A normal number's leading digit adds one to the exponent field, a subnormal has none.
  return static_cast<uint16_t>(sign | (((exponent + format.bias - 1) << format.fraction_bits) + digits));
}

double half_value(uint16_t bits, DType dtype) {
  HalfFormat format = format_of(dtype);
  int field = (bits & 0x7FFF) >> format.fraction_bits, fraction = bits & ((1 << format.fraction_bits) - 1);
  double sign = bits & 0x8000 ? -1 : 1;
  if (field == 2 * format.bias + 1) {
    if (fraction != 0) return std::numeric_limits<double>::quiet_NaN();
    return sign * std::numeric_limits<double>::infinity();
  }
  if (field == 0) return sign * std::ldexp(fraction, format.least_exponent - format.fraction_bits);
  return sign * std::ldexp(fraction + (1 << format.fraction_bits), field - format.bias - format.fraction_bits);
}

}  // namespace tarn
