// Elementwise logistic function.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_sigmoid;
const OpDef op_sigmoid{
    .name = "sigmoid",
    .summary = "elementwise logistic function",
    .doc =
        "result[i] = 1 / (1 + e^-x[i]); 0 and 1 far out, never NaN for a finite x.\n"
        "(C2) the dtype is a float.",
    .source = "https://pytorch.org/docs/stable/generated/torch.sigmoid.html",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    // d s/dx = s (1 - s), so the rule keeps the result alive, not x.
    .vjp = [](const VjpArgs& a) -> Gradients {
      ValueId one = a.b.constant_like(a.result, 1.0);
      ValueId slope = a.b.mul(a.result, a.b.sub(one, a.result));
      return {a.b.mul(a.cotangent, slope)};
    },
    .body = Elementwise{
        .eval = [](std::span<const double> x) -> double {
          double decayed = std::exp(-std::fabs(x[0]));
          return (x[0] >= 0 ? 1 : decayed) / (1 + decayed);
        },
        // Where e^-x overflows to infinity the quotient is 0, as it should be.
        .lower =
            [](ScalarEmitter& e, std::span<const Scalar> x, DType dtype) {
              Scalar one = e.constant(1, dtype);
              Scalar decayed = e.apply(ScalarOp::Exp, {e.apply(ScalarOp::Neg, {x[0]})});
              return e.apply(ScalarOp::Div, {one, e.apply(ScalarOp::Add, {one, decayed})});
            },
    },
    .may_diverge = false,
    .tolerance = {.forward_f32 = kFunctionF32, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, -4, 4),
};

}  // namespace tarn
