// Product over some axes.
#include "ir/accumulation.h"
#include "ir/op_file.h"

namespace tarn {

// d prod/dx[i] = the product of the others.  With no zero in the group that is result / x[i].  With zeros it is the
// product of those that are not, other than x[i], times the zeros other than x[i]: none of them, or one, is multiplied
// in as a sum over the zeros, so that the second derivative is right too; with two or more, the rule is 0.
static Gradients prod_vjp(const VjpArgs& a) {
  ValueId x = a.inputs[0];
  Type type = a.b.type(x);
  std::vector<int64_t> axes = attr_ints(a.op.attrs, "axes");
  auto spread = [&](ValueId value) { return a.b.broadcast(value, type.shape, other_axes(type.rank(), axes)); };
  ValueId zero = a.b.constant(0, type), one = a.b.constant(1, type);
  ValueId is_zero = a.b.op("eq", {x, zero});
  ValueId safe = a.b.select(is_zero, one, x);
  ValueId others = spread(axes.empty() ? safe : a.b.op("prod", {safe}, a.op.attrs));
  ValueId zeros = spread(a.b.sum(a.b.select(is_zero, one, zero), axes));   // how many
  ValueId zero_sum = spread(a.b.sum(a.b.select(is_zero, x, zero), axes));  // 0, but with a gradient
  ValueId other_zeros = a.b.sub(zeros, a.b.select(is_zero, one, zero));
  ValueId other_zero_sum = a.b.sub(zero_sum, a.b.select(is_zero, x, zero));
  ValueId rest = a.b.div(others, safe);
  ValueId with_zero = a.b.select(a.b.op("eq", {other_zeros, one}), a.b.mul(rest, other_zero_sum), zero);
  return {a.b.mul(spread(a.cotangent), a.b.select(a.b.op("eq", {other_zeros, zero}), rest, with_zero))};
}

extern const OpDef op_prod;
const OpDef op_prod{
    .name = "prod",
    .summary = "product over axes",
    .doc =
        "result[j] = product of x[i] over all i that agree with j outside axes; 1 over nothing.\n"
        "(C1) axes are ascending dimensions of x.\n"
        "(C2) the dtype is a number.\n"
        "(C3) accumulate is a wider dtype of its kind than that of x.",
    .source = "https://openxla.org/stablehlo/spec#reduce",
    .arity = 1,
    .attrs = {kAccumulateAttr, {"axes", AttrKind::Ints, "the dimensions that are combined and leave the shape"}},
    .shape = accumulated,
    .vjp = &prod_vjp,
    .body = Reduce{ReduceKind::Prod},
    .may_diverge = true,
    // One rounding a factor: 33 * 2^-24, relative.
    .tolerance = {.forward_f32 = 4e-6, .grad_f64 = kGradientF64},
    .samples = accumulate_samples(0.5, 1.6),
};

}  // namespace tarn
