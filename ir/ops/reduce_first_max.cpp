// The greatest element over some axes, whose gradient is the first one's.
#include <functional>
#include <numeric>

#include "ir/op_file.h"

namespace tarn {

static Gradients reduce_first_max_vjp(const VjpArgs& a) {
  ValueId x = a.inputs[0];
  Type type = a.b.type(x);
  std::vector<int64_t> axes = attr_ints(a.op.attrs, "axes");
  Shape reduced;
  for (int64_t axis : axes) reduced.push_back(type.shape[static_cast<size_t>(axis)]);
  int64_t count = std::accumulate(reduced.begin(), reduced.end(), int64_t{1}, std::multiplies<>());
  auto spread = [&](ValueId value) { return a.b.broadcast(value, type.shape, other_axes(type.rank(), axes)); };
  ValueId numbers = a.b.op("iota", {}, {{"axis", int64_t{0}}, {"dtype", std::string("i32")}, {"shape", Shape{count}}});
  ValueId number = a.b.broadcast(a.b.reshape(numbers, reduced), type.shape, axes);
  ValueId is_winner = a.b.op("eq", {number, spread(a.b.op("argmax", {x}, {{"axes", axes}}))});
  return {a.b.select(is_winner, spread(a.cotangent), a.b.constant(0, type))};
}

extern const OpDef op_reduce_first_max;
const OpDef op_reduce_first_max{
    .name = "reduce_first_max",
    .summary = "greatest element over axes; of those that tie the first gets the gradient",
    .doc =
        "result[j] = the greatest x[i] of all i that agree with j outside axes; NaN if one is NaN.  The gradient is "
        "that "
        "of the first such element in row-major order.\n"
        "(C1) axes are ascending dimensions of x.\n"
        "(C2) the dtype is a number.\n"
        "(C3) no reduced dimension is empty.",
    .source = "https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html",
    .arity = 1,
    .attrs = {{"axes", AttrKind::Ints, "the dimensions that are combined and leave the shape"}},
    .shape = reduced_non_empty,
    .vjp = &reduce_first_max_vjp,
    .body = Reduce{ReduceKind::Max},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = reduce_samples(-2, 2, false),
};

}  // namespace tarn
