// Repeats a tensor along new axes.
#include "ir/op_file.h"

#include <fmt/format.h>

namespace tarn {

static Result<Type> broadcast_type(const ShapeArgs& args) {
  const Type& x = args.inputs[0];
  const Shape& shape = attr_ints(args.attrs, "shape");
  const std::vector<int64_t>& dims = attr_ints(args.attrs, "dims");
  if (!checked_element_count(shape)) return Error{fmt::format("no tensor has shape {}", shape_text(shape)), "C1"};
  bool valid = dims.size() == x.shape.size();
  for (size_t d = 0; d < dims.size(); ++d) {
    valid = valid && dims[d] >= 0 && dims[d] < static_cast<int64_t>(shape.size()) && (d == 0 || dims[d] > dims[d - 1]);
  }
  if (!valid) {
    return Error{fmt::format("dims {} do not place {} in {}", shape_text(dims), x.text(), shape_text(shape)), "C2"};
  }
  for (size_t d = 0; d < dims.size(); ++d) {
    if (x.shape[d] == shape[dims[d]]) continue;
    return Error{fmt::format("dimension {} of {} is {} in {}", d, x.text(), shape[dims[d]], shape_text(shape)), "C3",
                 0};
  }
  return Type{x.dtype, shape};
}

static std::optional<std::vector<AffineIndex>> broadcast_map(const Attrs& attrs, const Shape& operand,
                                                             const Shape& result) {
  std::vector<AffineIndex> map(operand.size(), {std::vector<int64_t>(result.size(), 0)});
  for (size_t d = 0; d < operand.size(); ++d) map[d].coefficients[attr_ints(attrs, "dims")[d]] = 1;
  return map;
}

static Sample broadcast_sample(Shape from, std::vector<int64_t> dims, Shape to) {
  return {{SampleInput{Type{DType::F32, std::move(from)}}}, {{"dims", std::move(dims)}, {"shape", std::move(to)}}, {}};
}

static Attrs broadcast_of_stack(const Attrs& attrs, int64_t length) {
  Attrs made = attrs;
  made["dims"] = with_front(0, one_further(attr_ints(attrs, "dims")));
  made["shape"] = with_front(length, attr_ints(attrs, "shape"));
  return made;
}

extern const OpDef op_broadcast;
const OpDef op_broadcast{
    .name = "broadcast",
    .summary = "repetition along new axes",
    .doc =
        "result[i] = x[i[dims[0]], i[dims[1]], ...]: dimension d of x is dimension dims[d] of the result, the others "
        "repeat.\n"
        "(C1) no size is negative.\n"
        "(C2) dims are ascending dimensions of shape, one for each dimension of x.\n"
        "(C3) dimension d of x has the size of dimension dims[d] of the result (size 1 does not stretch).",
    .source = "https://openxla.org/stablehlo/spec#broadcast_in_dim",
    .arity = 1,
    .attrs = {{"dims", AttrKind::Ints, "which dimension of the result each dimension of x is"},
              {"shape", AttrKind::Ints, "of the result"}},
    .shape = broadcast_type,
    .vjp = [](const VjpArgs& a) -> Gradients {
      const Type& result = a.b.type(a.result);
      return {a.b.sum(a.cotangent, other_axes(result.rank(), attr_ints(a.op.attrs, "dims")))};
    },
    .body = View{broadcast_map, broadcast_of_stack},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {broadcast_sample({5}, {1}, {3, 5}), broadcast_sample({3}, {0}, {3, 5}),
                broadcast_sample({}, {}, {3, 5}), broadcast_sample({}, {}, {}),
                broadcast_sample({2, 3}, {0, 2}, {2, 7, 3}), broadcast_sample({4}, {1}, {0, 4}),
                broadcast_sample({1}, {0}, {1, 1})},
};

}  // namespace tarn
