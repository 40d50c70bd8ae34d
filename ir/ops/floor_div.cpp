// Elementwise quotient of integers, rounded down.
#include "ir/op_file.h"

namespace tarn {

// The quotient that cuts off, less one where it cut off something below zero.
static Scalar floor_div_lower(ScalarEmitter& e, std::span<const Scalar> x, DType dtype) {
  Scalar zero = e.constant(0, dtype), one = e.constant(1, dtype);
  Scalar quotient = e.apply(ScalarOp::Div, {x[0], x[1]});
  Scalar rest = e.apply(ScalarOp::Sub, {x[0], e.apply(ScalarOp::Mul, {quotient, x[1]})});
  auto is_below = [&](Scalar value) { return e.apply(ScalarOp::Lt, {value, zero}); };
  Scalar signs_differ = e.apply(ScalarOp::Ne, {is_below(rest), is_below(x[1])});
  Scalar is_between = e.apply(ScalarOp::And, {e.apply(ScalarOp::Ne, {rest, zero}), signs_differ});
  Scalar down = e.apply(ScalarOp::Select, {is_between, e.apply(ScalarOp::Sub, {quotient, one}), quotient});
  return e.apply(ScalarOp::Select, {e.apply(ScalarOp::Eq, {x[1], zero}), zero, down});
}

static Sample floor_div_sample(DType dtype, const Shape& shape, double lo) {
  return {{SampleInput{Type{dtype, shape}, lo, 50}, SampleInput{Type{dtype, shape}, lo / 10, 5}}, {}, {}};
}

extern const OpDef op_floor_div;
const OpDef op_floor_div{
    .name = "floor_div",
    .summary = "elementwise quotient of integers, rounded down",
    .doc =
        "result[i] = the greatest integer not above x[i] / y[i]; 0 where y[i] is 0.  It wraps around as all integers "
        "do.\n"
        "(C1) both operands have one type.\n"
        "(C2) the dtype is an integer.",
    .source = "https://numpy.org/doc/stable/reference/generated/numpy.floor_divide.html",
    .arity = 2,
    .attrs = {},
    .shape = same_integers,
    .vjp = nullptr,
    .body =
        Elementwise{// For integers that f64 holds the rounded quotient never reaches the next integer.
                    .eval = [](std::span<const double> x) -> double { return x[1] == 0 ? 0 : std::floor(x[0] / x[1]); },
                    .lower = floor_div_lower},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kNoGradientCheck},
    .samples = {floor_div_sample(DType::I32, {35}, -50), floor_div_sample(DType::I64, {3, 17}, -50),
                floor_div_sample(DType::U8, {9}, 0), floor_div_sample(DType::I32, {}, -50),
                floor_div_sample(DType::I64, {0, 4}, -50)},
};

}  // namespace tarn
