// Elementwise exponential.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_exp;
const OpDef op_exp{
    .name = "exp",
    .summary = "elementwise exponential",
    .doc =
        "result[i] = e^x[i]\n"
        "(C2) the dtype is a float.",
    .source = "https://dlmf.nist.gov/4.2#iii",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    // d e^x/dx = e^x, so the rule keeps the result alive, not x.
    .vjp = [](const VjpArgs& a) -> Gradients { return {a.b.mul(a.cotangent, a.result)}; },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return std::exp(x[0]); },
                        .lower = lower_as<ScalarOp::Exp>},
    .may_diverge = true,
    .tolerance = {.forward_f32 = kFunctionF32, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, -3, 3),
};

}  // namespace tarn
