// Elementwise negation.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_neg;
const OpDef op_neg{
    .name = "neg",
    .summary = "elementwise negation",
    .doc =
        "result[i] = -x[i]; integers wrap around.\n"
        "(C2) the dtype is a number.",
    .source = "IEEE 754-2019, clause 5.5.1",
    .arity = 1,
    .attrs = {},
    .shape = same_numbers,
    .vjp = [](const VjpArgs& a) -> Gradients { return {a.b.neg(a.cotangent)}; },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return -x[0]; },
                        .lower = lower_as<ScalarOp::Neg>},
    .is_linear = true,
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = number_samples(1),
};

}  // namespace tarn
