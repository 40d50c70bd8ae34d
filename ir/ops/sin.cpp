// Elementwise sine.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_sin;
const OpDef op_sin{
    .name = "sin",
    .summary = "elementwise sine",
    .doc =
        "result[i] = sin(x[i]), x in radians.\n"
        "(C2) the dtype is a float.",
    .source = "https://dlmf.nist.gov/4.14",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    .vjp = [](const VjpArgs& a) -> Gradients { return {a.b.mul(a.cotangent, a.b.unary("cos", a.inputs[0]))}; },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return std::sin(x[0]); },
                        .lower = lower_as<ScalarOp::Sin>},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kFunctionF32, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, -6, 6),
};

}  // namespace tarn
