// Elementwise square root.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_sqrt;
const OpDef op_sqrt{
    .name = "sqrt",
    .summary = "elementwise square root",
    .doc =
        "result[i] = sqrt(x[i]); NaN below 0, infinite gradient at 0.\n"
        "(C2) the dtype is a float.",
    .source = "IEEE 754-2019, clause 5.4.1",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    // d sqrt(x)/dx = 0.5 / sqrt(x), so the rule keeps the result alive, not x.
    .vjp = [](const VjpArgs& a) -> Gradients {
      ValueId half = a.b.constant_like(a.result, 0.5);
      return {a.b.div(a.b.mul(a.cotangent, half), a.result)};
    },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return std::sqrt(x[0]); },
                        .lower = lower_as<ScalarOp::Sqrt>},
    .may_diverge = true,
    .tolerance = {.forward_f32 = kOneRounding, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, 0.3, 4),
};

}  // namespace tarn
