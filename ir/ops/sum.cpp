// Sum over some axes.
#include "ir/accumulation.h"
#include "ir/op_file.h"

namespace tarn {

extern const OpDef op_sum;
const OpDef op_sum{
    .name = "sum",
    .summary = "sum over axes",
    .doc =
        "result[j] = sum of x[i] over all i that agree with j outside axes; 0 over nothing.\n"
        "(C1) axes are ascending dimensions of x.\n"
        "(C2) the dtype is a number.\n"
        "(C3) accumulate is a wider dtype of its kind than that of x.",
    .source = "https://openxla.org/stablehlo/spec#reduce",
    .arity = 1,
    .attrs = {kAccumulateAttr, {"axes", AttrKind::Ints, "the dimensions that are combined and leave the shape"}},
    .shape = accumulated,
    .vjp = [](const VjpArgs& a) -> Gradients {
      const Type& x = a.b.type(a.inputs[0]);
      std::vector<int64_t> kept = other_axes(x.rank(), attr_ints(a.op.attrs, "axes"));
      return {a.b.broadcast(a.cotangent, x.shape, kept)};
    },
    .body = Reduce{ReduceKind::Sum},
    .may_diverge = true,
    // n roundings of partial sums below 2 n: 33 * 2^-24 * 66 / max(1, |sum|) in the worst order; 4e-6 covers that.
    .tolerance = {.forward_f32 = 4e-6, .grad_f64 = kGradientF64},
    .samples = accumulate_samples(-2, 2),
};

}  // namespace tarn
