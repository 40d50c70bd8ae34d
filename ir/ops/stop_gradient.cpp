// The identity, through which no gradient flows.
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_stop_gradient;
const OpDef op_stop_gradient{
    .name = "stop_gradient",
    .summary = "the identity, through which no gradient flows",
    .doc = "result[i] = x[i]; the gradient is 0 by definition.",
    .source = "https://docs.jax.dev/en/latest/_autosummary/jax.lax.stop_gradient.html",
    .arity = 1,
    .attrs = {},
    .shape = same_as_input,
    .vjp = no_gradient,
    .body = Elementwise{.eval = [](std::span<const double> x) -> double { return x[0]; },
                        .lower =
                            [](ScalarEmitter& e, std::span<const Scalar> x, DType) {
                              (void)e;
                              return x[0];
                            }},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kNoGradientCheck},
    .samples = number_samples(1),
};

}  // namespace tarn
