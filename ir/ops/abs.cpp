// Elementwise absolute value.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_abs;
const OpDef op_abs{
    .name = "abs",
    .summary = "elementwise absolute value",
    .doc =
        "result[i] = |x[i]|; the gradient at 0 is 0.\n"
        "(C2) the dtype is a number.",
    .source = "https://pytorch.org/docs/stable/generated/torch.abs.html",
    .arity = 1,
    .attrs = {},
    .shape = same_numbers,
    .vjp = [](const VjpArgs& a) -> Gradients { return {a.b.mul(a.cotangent, a.b.unary("sign", a.inputs[0]))}; },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return std::fabs(x[0]); },
                        .lower = lower_as<ScalarOp::Abs>},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = number_samples(1, -2, 2, {0}),
};

}  // namespace tarn
