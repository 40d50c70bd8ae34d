// Elementwise copy: the same values in memory of their own.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_copy;
const OpDef op_copy{
    .name = "copy",
    .summary = "the same values in memory of their own",
    .doc =
        "result[i] = x[i].  Passes put it where a kernel needs a view's elements laid out in order; no pass removes "
        "it.",
    .source = "StableHLO has no such op; XLA's HLO has: https://openxla.org/xla/operation_semantics",
    .arity = 1,
    .attrs = {},
    .shape = same_as_input,
    .vjp = [](const VjpArgs& a) -> Gradients { return {a.cotangent}; },
    .body = Elementwise{
        .eval = [](std::span<const double> x) -> double { return x[0]; },
        .lower = [](ScalarEmitter&, std::span<const Scalar> x, DType) { return x[0]; },
    },
    .is_linear = true,
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1),
};

}  // namespace tarn
