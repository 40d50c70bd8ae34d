// Elementwise rectifier.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_relu;
const OpDef op_relu{
    .name = "relu",
    .summary = "elementwise rectifier",
    .doc =
        "result[i] = x[i] if x[i] > 0, else 0; NaN stays NaN.  The gradient at 0 is 0.\n"
        "(C2) the dtype is a float.",
    .source = "Nair and Hinton, ICML 2010; https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html",
    .arity = 1,
    .attrs = {},
    .shape = same_floats,
    // x > 0 just where the result is, so the rule keeps the result alive, not x.
    .vjp = [](const VjpArgs& a) -> Gradients {
      ValueId zero = a.b.constant_like(a.result, 0.0);
      return {a.b.select(a.b.op("gt", {a.result, zero}), a.cotangent, zero)};
    },
    .body = Elementwise{
        .eval = [](std::span<const double> x) -> double { return x[0] <= 0 ? 0 : x[0]; },
        .lower = [](ScalarEmitter& e, std::span<const Scalar> x,
                    DType dtype) { return e.apply(ScalarOp::Max, {x[0], e.constant(0, dtype)}); },
    },
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(1, -2, 2, {0}),
};

}  // namespace tarn
