// Cuts a strided box out of a tensor.
#include "ir/op_file.h"

#include <fmt/format.h>

#include <algorithm>

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
    if (stride[d] == 0) return Error{fmt::format("the stride of dimension {} is 0", d), "C3"};
    bool is_range = stride[d] > 0 ? start[d] >= 0 && limit[d] >= start[d] && limit[d] <= x.shape[d]
                                  : start[d] < x.shape[d] && limit[d] <= start[d] && limit[d] >= -1;
    if (!is_range) {
      return Error{
          fmt::format("{} to {} by {} is no range of dimension {} of {}", start[d], limit[d], stride[d], d, x.text()),
          "C2"};
    }
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

// The cotangent goes back to where the elements were cut out, zeros around and between; first it is turned round where
// they were read backwards.
static Gradients slice_vjp(const VjpArgs& a) {
  Shape low = attr_ints(a.op.attrs, "start"), high = a.b.type(a.inputs[0]).shape, interior = low;
  const Shape taken = a.b.type(a.result).shape;
  Shape start(low.size(), 0), limit = taken, step(low.size(), 1);
  for (size_t d = 0; d < low.size(); ++d) {
    int64_t stride = attr_ints(a.op.attrs, "stride")[d], last = std::max<int64_t>(0, taken[d] - 1);
    if (stride < 0) {
      low[d] += last * stride;
      stride = -stride;
      if (taken[d] > 1) start[d] = last, limit[d] = -1, step[d] = -1;
    }
    interior[d] = taken[d] > 1 ? stride - 1 : 0;
    low[d] = taken[d] == 0 ? 0 : low[d];
    high[d] -= taken[d] == 0 ? 0 : low[d] + last * stride + 1;
  }
  bool is_forward = std::all_of(step.begin(), step.end(), [](int64_t s) { return s == 1; });
  ValueId cotangent =
      is_forward ? a.cotangent : a.b.op("slice", {a.cotangent}, {{"limit", limit}, {"start", start}, {"stride", step}});
  return {a.b.op("pad", {cotangent}, {{"high", high}, {"interior", interior}, {"low", low}})};
}

static Sample slice_sample(Shape shape, const Shape& start, const Shape& limit, const Shape& stride) {
  return {
      {SampleInput{Type{DType::F32, std::move(shape)}}}, {{"limit", limit}, {"start", start}, {"stride", stride}}, {}};
}

static Attrs slice_of_stack(const Attrs& attrs, int64_t length) {
  Attrs made = attrs;
  made["start"] = with_front(0, attr_ints(attrs, "start"));
  made["limit"] = with_front(length, attr_ints(attrs, "limit"));
  made["stride"] = with_front(1, attr_ints(attrs, "stride"));
  return made;
}

extern const OpDef op_slice;
const OpDef op_slice{
    .name = "slice",
    .summary = "a strided box of a tensor",
    .doc =
        "result[i] = x[start[d] + i[d] * stride[d]], up to but without limit[d]; backwards where stride[d] < 0.\n"
        "(C1) start, limit and stride have one entry for each dimension of x.\n"
        "(C2) 0 <= start <= limit <= the size of the dimension; where stride < 0, -1 <= limit <= start < the size.\n"
        "(C3) stride is not 0.",
    .source = "https://openxla.org/stablehlo/spec#slice",
    .arity = 1,
    .attrs = {{"limit", AttrKind::Ints, "first index not taken; -1 is before the first"},
              {"start", AttrKind::Ints, "first index taken"},
              {"stride", AttrKind::Ints, "step between indices, negative ones backwards"}},
    .shape = slice_type,
    .vjp = &slice_vjp,
    .body = View{slice_map, slice_of_stack},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {slice_sample({3, 5}, {1, 0}, {3, 4}, {1, 1}), slice_sample({}, {}, {}, {}),
                slice_sample({17}, {1}, {16}, {3}), slice_sample({0, 4}, {0, 1}, {0, 3}, {1, 2}),
                slice_sample({6}, {2}, {2}, {1}), slice_sample({2, 7, 3}, {0, 1, 0}, {2, 6, 3}, {1, 2, 2}),
                slice_sample({3, 5}, {2, 0}, {-1, 5}, {-1, 1}), slice_sample({2, 17}, {0, 15}, {2, 1}, {1, -3}),
                slice_sample({1, 0, 4}, {0, -1, 3}, {-1, -1, 3}, {-2, -1, -1})},
};

}  // namespace tarn
