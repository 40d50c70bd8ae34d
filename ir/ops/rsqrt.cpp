// Elementwise reciprocal square root.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_rsqrt;
const OpDef op_rsqrt{
    .name = "rsqrt",
    .summary = "elementwise reciprocal square root",
    .doc =
        "result[i] = 1 / sqrt(x[i]); infinite at 0, NaN below.\n"
        "(C2) the dtype is a float.",
    .source = "IEEE 754-2019, clause 9.2 (rSqrt)",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    // d x^-1/2 /dx = -x^-3/2 / 2, so the rule keeps the result alive, not x.
    .vjp = [](const VjpArgs& a) -> Gradients {
      ValueId cube = a.b.mul(a.b.mul(a.result, a.result), a.result);
      return {a.b.mul(a.b.mul(a.cotangent, a.b.constant_like(a.result, -0.5)), cube)};
    },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return 1 / std::sqrt(x[0]); },
                        .lower =
                            [](ScalarEmitter& e, std::span<const Scalar> x, DType dtype) {
                              return e.apply(ScalarOp::Div, {e.constant(1, dtype), e.apply(ScalarOp::Sqrt, {x[0]})});
                            }},
    .may_diverge = true,
    .tolerance = {.forward_f32 = kFunctionF32, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, 0.3, 4),
};

}  // namespace tarn
