// The least element over some axes.
#include "ir/op_file.h"

namespace tarn {

static Gradients reduce_min_vjp(const VjpArgs& a) {
  ValueId x = a.inputs[0];
  Type type = a.b.type(x);
  std::vector<int64_t> axes = attr_ints(a.op.attrs, "axes");
  auto spread = [&](ValueId value) { return a.b.broadcast(value, type.shape, other_axes(type.rank(), axes)); };
  ValueId zero = a.b.constant(0, type), one = a.b.constant(1, type);
  ValueId is_winner = a.b.op("eq", {x, spread(a.result)});
  ValueId winners = a.b.sum(a.b.select(is_winner, one, zero), axes);
  return {a.b.select(is_winner, spread(a.b.div(a.cotangent, winners)), zero)};
}

extern const OpDef op_reduce_min;
const OpDef op_reduce_min{
    .name = "reduce_min",
    .summary = "least element over axes",
    .doc =
        "result[j] = the least x[i] of all i that agree with j outside axes; NaN if one is NaN.  Elements that tie "
        "share the gradient evenly.\n"
        "(C1) axes are ascending dimensions of x.\n"
        "(C2) the dtype is a number.\n"
        "(C3) no reduced dimension is empty.",
    .source = "https://pytorch.org/docs/stable/generated/torch.amin.html",
    .arity = 1,
    .attrs = {{"axes", AttrKind::Ints, "the dimensions that are combined and leave the shape"}},
    .shape = reduced_non_empty,
    .vjp = &reduce_min_vjp,
    .body = Reduce{ReduceKind::Min},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = reduce_samples(-2, 2, false),
};

}  // namespace tarn
