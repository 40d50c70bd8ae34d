// Elementwise logical not.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_not;
const OpDef op_not{
    .name = "not",
    .summary = "elementwise logical not",
    .doc =
        "result[i] = not x[i]\n"
        "(C2) the dtype is bool.",
    .source = "https://openxla.org/stablehlo/spec#not",
    .arity = 1,
    .attrs = {},
    .shape = same_bools,
    .vjp = nullptr,
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return x[0] == 0; },
                        .lower = lower_as<ScalarOp::Not>},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kNoGradientCheck},
    .samples = elementwise_samples(1, 0, 1, {}, DType::Bool),
};

}  // namespace tarn
