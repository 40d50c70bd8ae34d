// Elementwise ln(1 + x), accurate near 0.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_log1p;
const OpDef op_log1p{
    .name = "log1p",
    .summary = "elementwise ln(1 + x), accurate for small x",
    .doc =
        "result[i] = ln(1 + x[i]); -inf at -1, NaN below.\n"
        "(C2) the dtype is a float.",
    .source = "https://dlmf.nist.gov/4.6",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    .vjp = [](const VjpArgs& a) -> Gradients {
      ValueId one = a.b.constant_like(a.inputs[0], 1.0);
      return {a.b.div(a.cotangent, a.b.add(a.inputs[0], one))};
    },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return std::log1p(x[0]); },
                        .lower = lower_as<ScalarOp::Log1p>},
    .may_diverge = true,
    .tolerance = {.forward_f32 = kFunctionF32, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, -0.8, 4),
};

}  // namespace tarn
