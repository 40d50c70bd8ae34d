// Elementwise rounding to the integer below.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_floor;
const OpDef op_floor{
    .name = "floor",
    .summary = "elementwise rounding down",
    .doc =
        "result[i] = the greatest integer not above x[i]; the gradient is 0.\n"
        "(C2) the dtype is a float.",
    .source = "IEEE 754-2019, clause 5.9 (roundToIntegralTowardNegative)",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    // Flat almost everywhere.
    .vjp = no_gradient,
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return std::floor(x[0]); },
                        .lower = lower_as<ScalarOp::Floor>},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, -2.4, 2.4, {-2, -1, 0, 1, 2}),
};

}  // namespace tarn
