// Elementwise sign.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_sign;
const OpDef op_sign{
    .name = "sign",
    .summary = "elementwise sign",
    .doc =
        "result[i] = 1 if x[i] > 0, -1 if x[i] < 0, else 0 (also for NaN); the gradient is 0.\n"
        "(C2) the dtype is a number.",
    .source = "https://pytorch.org/docs/stable/generated/torch.sign.html",
    .arity = 1,
    .attrs = {},
    .shape = same_numbers,
    // Flat almost everywhere.
    .vjp = no_gradient,
    .body = Elementwise{
        .eval = [](std::span<const double> x) -> double { return (x[0] > 0) - (x[0] < 0); },
        .lower =
            [](ScalarEmitter& e, std::span<const Scalar> x, DType dtype) {
              Scalar zero = e.constant(0, dtype);
              Scalar below =
                  e.apply(ScalarOp::Select, {e.apply(ScalarOp::Lt, {x[0], zero}), e.constant(-1, dtype), zero});
              return e.apply(ScalarOp::Select, {e.apply(ScalarOp::Gt, {x[0], zero}), e.constant(1, dtype), below});
            },
    },
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = number_samples(1, -2, 2, {0}),
};

}  // namespace tarn
