// Elementwise lesser of two numbers.
#include "ir/op_file.h"

namespace tarn {

static Gradients min_vjp(const VjpArgs& a) {
  ValueId x = a.inputs[0], y = a.inputs[1];
  ValueId zero = a.b.constant_like(a.cotangent, 0.0);
  ValueId half = a.b.mul(a.cotangent, a.b.constant_like(a.cotangent, 0.5));
  ValueId tie = a.b.select(a.b.op("eq", {x, y}), half, zero);
  Gradients grads(2);
  if (a.needs[0]) grads[0] = a.b.select(a.b.op("lt", {x, y}), a.cotangent, tie);
  if (a.needs[1]) grads[1] = a.b.select(a.b.op("lt", {y, x}), a.cotangent, tie);
  return grads;
}

extern const OpDef op_min;
const OpDef op_min{
    .name = "min",
    .summary = "elementwise lesser of two",
    .doc =
        "result[i] = the lesser of x[i] and y[i]; NaN if either is NaN.  Where they are equal each gets half of the "
        "gradient.\n"
        "(C1) both operands have one type.\n"
        "(C2) the dtype is a number.",
    .source =
        "IEEE 754-2019, clause 9.6 (minimum); ties as https://pytorch.org/docs/stable/generated/torch.minimum.html",
    .arity = 2,
    .attrs = {},
    .shape = same_numbers,
    .vjp = &min_vjp,
    .body = Elementwise{.eval = [](std::span<const double> x) -> double {
                          return x[0] < x[1] || std::isnan(x[0]) ? x[0] : x[1];
                        },
                        .lower = lower_as<ScalarOp::Min>},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = number_samples(2),
};

}  // namespace tarn
