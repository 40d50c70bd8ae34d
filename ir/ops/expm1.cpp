// Elementwise e^x - 1, exact also where x is small.
#include "ir/op_file.h"

namespace tarn {

// e^x - 1 = 2 t / (1 - t) with t = tanh(x / 2): nothing cancels for |x| < 1.
static Scalar lower_expm1(ScalarEmitter& e, std::span<const Scalar> x, DType dtype) {
  Scalar one = e.constant(1, dtype);
  Scalar is_small = e.apply(ScalarOp::Lt, {e.apply(ScalarOp::Abs, {x[0]}), one});
  Scalar t = e.apply(ScalarOp::Tanh, {e.apply(ScalarOp::Mul, {x[0], e.constant(0.5, dtype)})});
  Scalar near = e.apply(ScalarOp::Div, {e.apply(ScalarOp::Add, {t, t}), e.apply(ScalarOp::Sub, {one, t})});
  Scalar far = e.apply(ScalarOp::Sub, {e.apply(ScalarOp::Exp, {x[0]}), one});
  return e.apply(ScalarOp::Select, {is_small, near, far});
}

extern const OpDef op_expm1;
const OpDef op_expm1{
    .name = "expm1",
    .summary = "elementwise e^x - 1",
    .doc =
        "result[i] = e^x[i] - 1, without cancellation where x is small\n"
        "(C2) the dtype is a float.",
    .source = "ISO C99, 7.12.6.3; https://dlmf.nist.gov/4.2",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    // The result + 1 would be 0 where e^x is small.
    .vjp = [](const VjpArgs& a) -> Gradients { return {a.b.mul(a.cotangent, a.b.unary("exp", a.inputs[0]))}; },
    .body =
        Elementwise{.eval = [](std::span<const double> x) -> double { return std::expm1(x[0]); }, .lower = lower_expm1},
    .may_diverge = true,
    .tolerance = {.forward_f32 = kFunctionF32, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, -3, 3),
};

}  // namespace tarn
