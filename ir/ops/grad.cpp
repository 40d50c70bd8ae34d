// The gradient of a scalar, as the front end asks for it; the autodiff pass expands it.
#include "ir/op_file.h"

namespace tarn {

static Result<Type> grad_type(const ShapeArgs&) {
  return Error{"`grad` has several results; Builder::gradient makes it", "C1"};
}

extern const OpDef op_grad;
const OpDef op_grad{
    .name = "grad",
    .summary = "gradient of a scalar with respect to values it was computed from",
    .doc =
        "results[j] = d loss / d targets[j], each of the type of its target; operands are the loss and then the "
        "targets.\n"
        "(C1) made by Builder::gradient, which gives one result for each target; the verifier checks the types (V14).",
    .source = "Griewank and Walther, Evaluating Derivatives, SIAM 2008, chapter 3",
    .arity = kVariadic,
    .attrs = {},
    .shape = grad_type,
    // An inner gradient is expanded first, and the outer one differentiates what it became.
    .vjp = nullptr,
    .body = Gradient{},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kNoGradientCheck},
    .samples = {},
};

}  // namespace tarn
