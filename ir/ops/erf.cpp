// Elementwise error function.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_erf;
const OpDef op_erf{
    .name = "erf",
    .summary = "elementwise error function",
    .doc =
        "result[i] = 2/sqrt(pi) * integral of e^(-t^2) from 0 to x[i]\n"
        "(C2) the dtype is a float.",
    .source = "https://dlmf.nist.gov/7.2",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    .vjp = [](const VjpArgs& a) -> Gradients {
      constexpr double kTwoOverSqrtPi = 1.1283791670955125739;
      ValueId bell = a.b.unary("exp", a.b.neg(a.b.mul(a.inputs[0], a.inputs[0])));
      return {a.b.mul(a.cotangent, a.b.mul(a.b.constant_like(bell, kTwoOverSqrtPi), bell))};
    },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return std::erf(x[0]); },
                        .lower = lower_as<ScalarOp::Erf>},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kFunctionF32, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, -3, 3),
};

}  // namespace tarn
