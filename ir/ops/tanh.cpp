// Elementwise hyperbolic tangent.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_tanh;
const OpDef op_tanh{
    .name = "tanh",
    .summary = "elementwise hyperbolic tangent",
    .doc =
        "result[i] = tanh(x[i])\n"
        "(C2) the dtype is a float.",
    .source = "https://dlmf.nist.gov/4.28",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    // d tanh(x)/dx = 1 - tanh(x)^2, so the rule keeps the result alive, not x.
    .vjp = [](const VjpArgs& a) -> Gradients {
      ValueId one = a.b.constant_like(a.result, 1.0);
      ValueId slope = a.b.sub(one, a.b.mul(a.result, a.result));
      return {a.b.mul(a.cotangent, slope)};
    },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return std::tanh(x[0]); },
                        .lower = lower_as<ScalarOp::Tanh>},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kFunctionF32, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, -3, 3),
};

}  // namespace tarn
