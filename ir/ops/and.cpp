// Elementwise logical and.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_and;
const OpDef op_and{
    .name = "and",
    .summary = "elementwise logical and",
    .doc =
        "result[i] = x[i] and y[i]\n"
        "(C1) both operands have one type.\n"
        "(C2) the dtype is bool.",
    .source = "https://openxla.org/stablehlo/spec#and",
    .arity = 2,
    .attrs = {},
    .shape = same_bools,
    .vjp = nullptr,
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return x[0] != 0 && x[1] != 0; },
                        .lower = lower_as<ScalarOp::And>},
    .commutes = true,
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kNoGradientCheck},
    .samples = elementwise_samples(2, 0, 1, {}, DType::Bool),
};

}  // namespace tarn
