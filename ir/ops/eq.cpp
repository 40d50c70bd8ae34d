// Elementwise comparison: x == y.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_eq;
const OpDef op_eq{
    .name = "eq",
    .summary = "elementwise x == y",
    .doc =
        "result[i] = x[i] == y[i], a bool; false if either is NaN.\n"
        "(C1) both operands have one type.",
    .source = "IEEE 754-2019, clause 5.11",
    .arity = 2,
    .attrs = {},
    .shape = comparison,
    .vjp = nullptr,
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return x[0] == x[1]; },
                        .lower = lower_as<ScalarOp::Eq>},
    .commutes = true,
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kNoGradientCheck},
    .samples = comparison_samples(),
};

}  // namespace tarn
