// A loop over time: a body function is run once for each slice of its sequences, and hands values on to the next run.
#include "ir/op_file.h"

namespace tarn {

static Result<Type> scan_type(const ShapeArgs&) {
  return Error{"`scan` has several results; Builder::scan makes it", "C1"};
}

extern const OpDef op_scan;
const OpDef op_scan{
    .name = "scan",
    .summary = "a loop that carries values from one run of a body to the next",
    .doc =
        "c = initial carries; for t = 0 .. length-1 (length-1 .. 0 with reverse): (c, y[t]) = body(c, x[t], "
        "constants); "
        "results = c, y.\n"
        "Operands are the initial carries, the sequences x (sliced along their first dimension) and the constants; "
        "results are the final carries and the stacked outputs y.\n"
        "(C1) made by Builder::scan, which knows the body; the verifier compares the types with it (V15).",
    .source = "https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html",
    .arity = kVariadic,
    .attrs = {{"callee", AttrKind::String, "name of the body"},
              {"carries", AttrKind::Int, "how many operands and results are carries"},
              {"length", AttrKind::Int, "how often the body runs"},
              {"reverse", AttrKind::Bool, "from the last slice to the first"},
              {"sequences", AttrKind::Int, "how many operands are sequences"}},
    .shape = scan_type,
    // Its gradient is a scan of another body, which only autodiff can add to the module (passes/autodiff_scan.cpp).
    .vjp = nullptr,
    .body = Scan{},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kNoGradientCheck},
    .samples = {},
};

}  // namespace tarn
