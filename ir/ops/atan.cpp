// Elementwise arc tangent.
#include "ir/op_file.h"

namespace tarn {

namespace {

// Scalar code for floats of one type.
struct FloatCode {
  ScalarEmitter& e;
  DType dtype;

  Scalar number(double value) const { return e.constant(value, dtype); }
  Scalar horner(Scalar z, std::initializer_list<double> coefficients) const {
    auto at = coefficients.begin();
    Scalar value = number(*at++);
    for (; at != coefficients.end(); ++at) value = e.apply(ScalarOp::Fma, {value, z, number(*at)});
    return value;
  }
};

}  // namespace

// S. Moshier's Cephes (netlib.org/cephes), atan.c: |x| is brought below 0.66 by
// atan(x) = pi/2 - atan(1/x) and atan(x) = pi/4 + atan((x - 1)/(x + 1)).
static Scalar lower_atan(ScalarEmitter& e, std::span<const Scalar> x, DType dtype) {
  constexpr double kPi = 3.14159265358979323846, kTanThreeEighthsPi = 2.41421356237309504880;
  FloatCode code{e, dtype};
  Scalar zero = code.number(0), one = code.number(1);
  Scalar magnitude = e.apply(ScalarOp::Abs, {x[0]});
  Scalar is_large = e.apply(ScalarOp::Gt, {magnitude, code.number(kTanThreeEighthsPi)});
  Scalar is_middle = e.apply(ScalarOp::Gt, {magnitude, code.number(0.66)});
  Scalar above = e.apply(ScalarOp::Select, {is_large, code.number(-1), e.apply(ScalarOp::Sub, {magnitude, one})});
  Scalar below = e.apply(ScalarOp::Select, {is_large, magnitude, e.apply(ScalarOp::Add, {magnitude, one})});
  Scalar reduced = e.apply(ScalarOp::Select, {is_middle, e.apply(ScalarOp::Div, {above, below}), magnitude});
  Scalar base = e.apply(ScalarOp::Select, {is_large, code.number(kPi / 2), code.number(kPi / 4)});
  base = e.apply(ScalarOp::Select, {is_middle, base, zero});
  Scalar z = e.apply(ScalarOp::Mul, {reduced, reduced});
  Scalar p = code.horner(z, {-8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1,
                             -1.228866684490136173410e2, -6.485021904942025371773e1});
  Scalar q = code.horner(z, {1, 2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2,
                             4.853903996359136964868e2, 1.945506571482613964425e2});
  Scalar series = e.apply(ScalarOp::Div, {p, q});
  Scalar bend = e.apply(ScalarOp::Mul, {series, z});
  Scalar small = e.apply(ScalarOp::Fma, {bend, reduced, reduced});
  Scalar angle = e.apply(ScalarOp::Add, {base, small});
  Scalar is_negative = e.apply(ScalarOp::Lt, {x[0], zero});
  return e.apply(ScalarOp::Select, {is_negative, e.apply(ScalarOp::Neg, {angle}), angle});
}

extern const OpDef op_atan;
const OpDef op_atan{
    .name = "atan",
    .summary = "elementwise arc tangent",
    .doc =
        "result[i] = the angle in [-pi/2, pi/2] whose tangent is x[i]\n"
        "(C2) the dtype is a float.",
    .source = "https://dlmf.nist.gov/4.23",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    .vjp = [](const VjpArgs& a) -> Gradients {
      ValueId square = a.b.mul(a.inputs[0], a.inputs[0]);
      return {a.b.div(a.cotangent, a.b.add(square, a.b.constant_like(square, 1)))};
    },
    .body =
        Elementwise{.eval = [](std::span<const double> x) -> double { return std::atan(x[0]); }, .lower = lower_atan},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kFunctionF32, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, -4, 4),
};

}  // namespace tarn
