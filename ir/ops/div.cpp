// Elementwise quotient.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_div;
const OpDef op_div{
    .name = "div",
    .summary = "elementwise quotient",
    .doc =
        "result[i] = x[i] / y[i]\n"
        "(C1) both operands have one type.\n"
        "(C2) the dtype is a float.",
    .source = "IEEE 754-2019, clause 5.4.1",
    .arity = 2,
    .attrs = {},
    .shape = same_floats,
    // d(x/y)/dx = 1/y and d(x/y)/dy = -(x/y)/y, so the rule keeps the result alive, not x, and divides once.
    .vjp = [](const VjpArgs& a) -> Gradients {
      Gradients grads(2);
      ValueId scaled = a.b.div(a.cotangent, a.inputs[1]);
      if (a.needs[0]) grads[0] = scaled;
      if (a.needs[1]) grads[1] = a.b.neg(a.b.mul(scaled, a.result));
      return grads;
    },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return x[0] / x[1]; },
                        .lower = lower_as<ScalarOp::Div>},
    .may_diverge = true,
    .tolerance = {.forward_f32 = kOneRounding, .grad_f64 = kGradientF64},
    .samples = elementwise_samples(2, 0.5, 3),
};

}  // namespace tarn
