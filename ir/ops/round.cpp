// Elementwise rounding to the nearest integer, halves to even.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_round;
const OpDef op_round{
    .name = "round",
    .summary = "elementwise rounding to nearest, halves to even",
    .doc =
        "result[i] = the integer nearest to x[i]; halves go to the even one; the gradient is 0.\n"
        "(C2) the dtype is a float.",
    .source = "IEEE 754-2019, clause 5.9 (roundToIntegralTiesToEven)",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    // Flat almost everywhere.
    .vjp = no_gradient,
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return std::nearbyint(x[0]); },
                        .lower = lower_as<ScalarOp::Round>},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, -2.4, 2.4, {-1.5, -0.5, 0.5, 1.5}),
};

}  // namespace tarn
