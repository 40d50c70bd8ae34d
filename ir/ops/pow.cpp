// Elementwise power.
#include "ir/op_file.h"

namespace tarn {

// The two guards replace 0 * infinity by the limit, as PyTorch does (pow_backward_self, pow_backward_exponent).
static Gradients pow_vjp(const VjpArgs& a) {
  ValueId x = a.inputs[0], y = a.inputs[1];
  ValueId zero = a.b.constant_like(x, 0.0);
  Gradients grads(2);
  if (a.needs[0]) {
    ValueId lower_power = a.b.op("pow", {x, a.b.sub(y, a.b.constant_like(y, 1.0))});
    ValueId slope = a.b.select(a.b.op("eq", {y, zero}), zero, a.b.mul(y, lower_power));
    grads[0] = a.b.mul(a.cotangent, slope);
  }
  if (a.needs[1]) {
    ValueId slope = a.b.mul(a.result, a.b.unary("log", x));
    grads[1] = a.b.mul(a.cotangent, a.b.select(a.b.op("eq", {x, zero}), zero, slope));
  }
  return grads;
}

extern const OpDef op_pow;
const OpDef op_pow{
    .name = "pow",
    .summary = "elementwise power",
    .doc =
        "result[i] = x[i] ^ y[i], as C99 pow: x^0 = 1, NaN for x < 0 and y not integral.\n"
        "d/dx is 0 where y = 0; d/dy is 0 where x = 0.\n"
        "(C1) both operands have one type.\n"
        "(C2) the dtype is a float.",
    .source = "ISO C99, 7.12.7.4 and F.9.4.4; https://dlmf.nist.gov/4.2#iv",
    .arity = 2,
    .attrs = {},
    .shape = same_floats,
    .vjp = &pow_vjp,
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return std::pow(x[0], x[1]); },
                        .lower = lower_as<ScalarOp::Pow>},
    .may_diverge = true,
    // exp(y log x) loses |y log x| ulp beyond those of exp and log; |y log x| < 4 on the samples.
    .tolerance = {.forward_f32 = 2e-6, .grad_f64 = kGradientF64},
    .samples = {{.inputs = {{{DType::F32, {3, 5}}, 0.3, 3}, {{DType::F32, {3, 5}}, -2, 3}}},
                {.inputs = {{{DType::F32, {}}, 0.3, 3}, {{DType::F32, {}}, -2, 3}}},
                {.inputs = {{{DType::F32, {0, 4}}}, {{DType::F32, {0, 4}}}}},
                {.inputs = {{{DType::F32, {17}}, 0.3, 3}, {{DType::F32, {17}}, -2, 3}}}},
};

}  // namespace tarn
