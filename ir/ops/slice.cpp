// Cuts a strided box out of a tensor.
#include "ir/op_file.h"

#include <fmt/format.h>

namespace tarn {

static Result<Type> slice_type(const ShapeArgs& args) {
  const Type& x = args.inputs[0];
  const std::vector<int64_t>&start = attr_ints(args.attrs, "start"), &limit = attr_ints(args.attrs, "limit"),
        &stride = attr_ints(args.attrs, "stride");
  if (start.size() != x.shape.size() || limit.size() != x.shape.size() || stride.size() != x.shape.size()) {
    return Error{fmt::format("start, limit and stride do not fit the {} dimensions of {}", x.rank(), x.text()), "C1"};
  }
  Type result{x.dtype, {}};
  for (size_t d = 0; d < start.size(); ++d) {
    if (start[d] < 0 || limit[d] < start[d] || limit[d] > x.shape[d]) {
      return Error{fmt::format("{} to {} is no range of dimension {} of {}", start[d], limit[d], d, x.text()), "C2"};
    }
    if (stride[d] < 1) return Error{fmt::format("stride {} is below 1", stride[d]), "C3"};
    int64_t length = limit[d] - start[d];
    result.shape.push_back(length / stride[d] + (length % stride[d] != 0));
  }
  return result;
}

static std::optional<std::vector<AffineIndex>> slice_map(const Attrs& attrs, const Shape& operand, const Shape&) {
  std::vector<AffineIndex> map(operand.size(), {std::vector<int64_t>(operand.size(), 0)});
  for (size_t d = 0; d < operand.size(); ++d) {
    map[d].coefficients[d] = attr_ints(attrs, "stride")[d];
    map[d].offset = attr_ints(attrs, "start")[d];
  }
  return map;
}

// The cotangent goes back to where the elements were cut out, zeros around and between.
static Gradients slice_vjp(const VjpArgs& a) {
  Shape low = attr_ints(a.op.attrs, "start"), high = a.b.type(a.inputs[0]).shape, interior = low;
  const Shape& taken = a.b.type(a.result).shape;
  for (size_t d = 0; d < low.size(); ++d) {
    int64_t stride = attr_ints(a.op.attrs, "stride")[d];
    interior[d] = taken[d] > 1 ? stride - 1 : 0;
    high[d] -= taken[d] == 0 ? low[d] : low[d] + (taken[d] - 1) * stride + 1;
  }
  return {a.b.op("pad", {a.cotangent}, {{"high", high}, {"interior", interior}, {"low", low}})};
}

static Sample slice_sample(Shape shape, Shape start, Shape limit, Shape stride) {
  return {{SampleInput{Type{DType::F32, shape}}}, {{"limit", limit}, {"start", start}, {"stride", stride}}, {}};
}

extern const OpDef op_slice;
const OpDef op_slice{
    .name = "slice",
    .summary = "a strided box of a tensor",
    .doc =
        "result[i] = x[start[d] + i[d] * stride[d]], up to but without limit[d].\n"
        "(C1) start, limit and stride have one entry for each dimension of x.\n"
        "(C2) 0 <= start <= limit <= the size of the dimension.\n"
        "(C3) stride >= 1.",
    .source = "https://openxla.org/stablehlo/spec#slice",
    .arity = 1,
    .attrs = {{"limit", AttrKind::Ints, "first index not taken"},
              {"start", AttrKind::Ints, "first index taken"},
              {"stride", AttrKind::Ints, "step between indices"}},
    .shape = slice_type,
    .vjp = &slice_vjp,
    .body = View{slice_map},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {slice_sample({3, 5}, {1, 0}, {3, 4}, {1, 1}), slice_sample({}, {}, {}, {}),
                slice_sample({17}, {1}, {16}, {3}), slice_sample({0, 4}, {0, 1}, {0, 3}, {1, 2}),
                slice_sample({6}, {2}, {2}, {1}), slice_sample({2, 7, 3}, {0, 1, 0}, {2, 6, 3}, {1, 2, 2})},
};

}  // namespace tarn
