// Runs another function of the module; the fusion pass makes kernels of such functions.
#include "ir/op_file.h"

namespace tarn {

static Result<Type> call_type(const ShapeArgs&) {
  return Error{"`call` has several results; Builder::call makes it", "C1"};
}

extern const OpDef op_call;
const OpDef op_call{
    .name = "call",
    .summary = "the results of another function of the module",
    .doc =
        "results = callee(operands), one for each result of the callee.\n"
        "(C1) made by Builder::call, which knows the callee; the verifier compares the types with it (V13).",
    .source = "Tarn docs/ir.md",
    .arity = kVariadic,
    .attrs = {{"callee", AttrKind::String, "name of the function"}},
    .shape = call_type,
    // Autodiff runs before fusion makes calls; on its path a call is an error.
    .vjp = nullptr,
    .body = Call{},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kNoGradientCheck},
    .samples = {},
};

}  // namespace tarn
