// Elementwise sum.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_add;
const OpDef op_add{
    .name = "add",
    .summary = "elementwise sum",
    .doc =
        "result[i] = x[i] + y[i]; integers wrap around.\n"
        "(C1) both operands have one type.\n"
        "(C2) the dtype is a number.",
    .source = "IEEE 754-2019, clause 5.4.1",
    .arity = 2,
    .attrs = {},
    .shape = same_numbers,
    .vjp = [](const VjpArgs& a) -> Gradients {
      Gradients grads(2);
      if (a.needs[0]) grads[0] = a.cotangent;
      if (a.needs[1]) grads[1] = a.cotangent;
      return grads;
    },
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return x[0] + x[1]; },
                        .lower = lower_as<ScalarOp::Add>},
    .commutes = true,
    .is_linear = true,
    .may_diverge = true,
    .tolerance = {.forward_f32 = kOneRounding, .grad_f64 = kGradientF64},
    .samples = number_samples(2),
};

}  // namespace tarn
