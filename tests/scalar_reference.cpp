// Floats by libm in f64, integers by 64-bit arithmetic of which the upper bits are cut off.
#include "tests/scalar_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/base/check.h"
#include "ir/half.h"
#include "ir/interpret.h"

namespace tarn {

static double compare(ScalarOp op, double a, double b) {
  switch (op) {
    case ScalarOp::Eq:
      return a == b;
    case ScalarOp::Ne:
      return a != b;
    case ScalarOp::Lt:
      return a < b;
    case ScalarOp::Le:
      return a <= b;
    case ScalarOp::Gt:
      return a > b;
    default:
      return a >= b;
  }
}

static double cast(double value, DType from, DType to) {
  if (!is_float(from) || is_float(to) || to == DType::Bool) return to_dtype(value, to);
  if (std::isnan(value)) return 0;
  double low = to == DType::I64 ? -9.2e18 : std::numeric_limits<int32_t>::min();
  double high = to == DType::I64 ? 9.2e18 : std::numeric_limits<int32_t>::max();
  return to_dtype(std::clamp(value, low, high), to);
}

static double of_floats(ScalarOp op, double a, double b, double c) {
  switch (op) {
    case ScalarOp::Add:
      return a + b;
    case ScalarOp::Sub:
      return a - b;
    case ScalarOp::Mul:
      return a * b;
    case ScalarOp::Div:
      return a / b;
    case ScalarOp::Neg:
      return -a;
    case ScalarOp::Abs:
      return std::fabs(a);
    case ScalarOp::Min:
      return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b);
    case ScalarOp::Max:
      return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b);
    case ScalarOp::Fma:
      return std::fma(a, b, c);
    case ScalarOp::Sqrt:
      return std::sqrt(a);
    case ScalarOp::Exp:
      return std::exp(a);
    case ScalarOp::Log:
      return std::log(a);
    case ScalarOp::Log1p:
      return std::log1p(a);
    case ScalarOp::Tanh:
      return std::tanh(a);
    case ScalarOp::Erf:
      return std::erf(a);
    case ScalarOp::Sin:
      return std::sin(a);
    case ScalarOp::Cos:
      return std::cos(a);
    case ScalarOp::Pow:
      return std::pow(a, b);
    case ScalarOp::Floor:
      return std::floor(a);
    case ScalarOp::Round:
      return std::nearbyint(a);
    case ScalarOp::RoundF16:
      return round_to_half(a, DType::F16);
    case ScalarOp::RoundBf16:
      return round_to_half(a, DType::BF16);
    default:
      TARN_CHECK(false, "{} is no operation on floats", scalar_op_name(op));
      return 0;
  }
}

// Two's complement; the caller cuts off the bits above those of `dtype`.
static uint64_t of_integers(ScalarOp op, uint64_t a, uint64_t b, uint64_t c, DType dtype) {
  bool less = static_cast<int64_t>(a) < static_cast<int64_t>(b);
  constexpr uint64_t kLow = 0xFFFFFFFF;
  switch (op) {
    case ScalarOp::Add:
      return a + b;
    case ScalarOp::Sub:
      return a - b;
    case ScalarOp::Mul:
      return a * b;
    case ScalarOp::Div:
      return b == 0 ? 0 : static_cast<uint64_t>(static_cast<int64_t>(a) / static_cast<int64_t>(b));
    case ScalarOp::Neg:
      return 0 - a;
    case ScalarOp::Abs:
      return static_cast<int64_t>(a) < 0 ? 0 - a : a;
    case ScalarOp::Min:
      return less ? a : b;
    case ScalarOp::Max:
      return less ? b : a;
    case ScalarOp::Fma:
      return a * b + c;
    case ScalarOp::And:
      return a & b;
    case ScalarOp::Or:
      return a | b;
    case ScalarOp::Xor:
      return a ^ b;
    case ScalarOp::Not:
      return dtype == DType::Bool ? a == 0 : ~a;
    case ScalarOp::ShiftRight:
      return (dtype == DType::I32 ? a & kLow : a) >> b;
    case ScalarOp::MulHigh:
      return (a & kLow) * (b & kLow) >> 32;
    default:
      TARN_CHECK(false, "{} is no operation on integers", scalar_op_name(op));
      return 0;
  }
}

static double cut_off(uint64_t bits, DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return bits != 0;
    case DType::U8:
      return static_cast<uint8_t>(bits);
    case DType::I32:
      return static_cast<int32_t>(static_cast<uint32_t>(bits));
    default:
      return static_cast<double>(static_cast<int64_t>(bits));
  }
}

double scalar_result(ScalarOp op, std::span<const double> x, DType from, DType to) {
  double a = x[0], b = x.size() > 1 ? x[1] : 0, c = x.size() > 2 ? x[2] : 0;
  if (op == ScalarOp::Cast) return cast(a, from, to);
  if (op == ScalarOp::Select) return a != 0 ? b : c;
  if (is_comparison(op)) return compare(op, a, b);
  if (is_float(from)) return of_floats(op, a, b, c);
  auto bits = [](double value) { return static_cast<uint64_t>(static_cast<int64_t>(value)); };
  return cut_off(of_integers(op, bits(a), bits(b), bits(c), from), from);
}

}  // namespace tarn
