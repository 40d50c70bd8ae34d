// Elementwise natural logarithm.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_log;
const OpDef op_log{
    .name = "log",
    .summary = "elementwise natural logarithm",
    .doc =
        "result[i] = ln x[i]; -inf at 0, NaN below.\n"
        "(C2) the dtype is a float.",
    .source = "https://dlmf.nist.gov/4.2#i",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    .vjp = [](const VjpArgs& a) -> Gradients { return {a.b.div(a.cotangent, a.inputs[0])}; },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return std::log(x[0]); },
                        .lower = lower_as<ScalarOp::Log>},
    .may_diverge = true,
    .tolerance = {.forward_f32 = kFunctionF32, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, 0.2, 5),
};

}  // namespace tarn
