// Surrounds and interleaves a tensor with zeros.
#include "ir/op_file.h"

#include <fmt/format.h>

#include <algorithm>

namespace tarn {

static Result<Type> pad_type(const ShapeArgs& args) {
  const Type& x = args.inputs[0];
  const std::vector<int64_t>&low = attr_ints(args.attrs, "low"), &high = attr_ints(args.attrs, "high"),
        &interior = attr_ints(args.attrs, "interior");
  if (low.size() != x.shape.size() || high.size() != x.shape.size() || interior.size() != x.shape.size()) {
    return Error{fmt::format("low, high and interior do not fit the {} dimensions of {}", x.rank(), x.text()), "C1"};
  }
  if (x.dtype == DType::Bool) return Error{fmt::format("operand is {}, not of numbers", x.text()), "C3", 0};
  Type result{x.dtype, {}};
  for (size_t d = 0; d < low.size(); ++d) {
    if (std::min({low[d], high[d], interior[d]}) < 0) {
      return Error{fmt::format("padding {},{},{} of dimension {} is negative", low[d], high[d], interior[d], d), "C2"};
    }
    int64_t size = x.shape[d];
    bool overflows = size > 1 && (__builtin_mul_overflow(size - 1, interior[d], &size) ||
                                  __builtin_add_overflow(size, x.shape[d], &size));
    overflows =
        overflows || __builtin_add_overflow(size, low[d], &size) || __builtin_add_overflow(size, high[d], &size);
    if (overflows) return Error{fmt::format("dimension {} of the padded {} leaves 64 bits", d, x.text()), "C2"};
    result.shape.push_back(size);
  }
  return result;
}

static std::optional<std::vector<AffineIndex>> pad_map(const Attrs& attrs, const Shape& operand, const Shape&) {
  std::vector<AffineIndex> map(operand.size(), {std::vector<int64_t>(operand.size(), 0)});
  for (size_t d = 0; d < operand.size(); ++d) {
    map[d].coefficients[d] = 1;
    map[d].offset = -attr_ints(attrs, "low")[d];
    map[d].divisor = attr_ints(attrs, "interior")[d] + 1;
  }
  return map;
}

// The cotangent of x is cut out again from where x was put.
static Gradients pad_vjp(const VjpArgs& a) {
  const Shape& size = a.b.type(a.inputs[0]).shape;
  Shape start = attr_ints(a.op.attrs, "low"), limit = start, stride = start;
  for (size_t d = 0; d < size.size(); ++d) {
    stride[d] = size[d] > 1 ? attr_ints(a.op.attrs, "interior")[d] + 1 : 1;
    if (size[d] > 0) limit[d] += (size[d] - 1) * stride[d] + 1;
  }
  return {a.b.op("slice", {a.cotangent}, {{"limit", limit}, {"start", start}, {"stride", stride}})};
}

static Sample pad_sample(Shape shape, const Shape& low, const Shape& high, const Shape& interior) {
  return {
      {SampleInput{Type{DType::F32, std::move(shape)}}}, {{"high", high}, {"interior", interior}, {"low", low}}, {}};
}

static Attrs pad_of_stack(const Attrs& attrs, int64_t) {
  Attrs made = attrs;
  for (const char* key : {"low", "high", "interior"}) made[key] = with_front(0, attr_ints(attrs, key));
  return made;
}

extern const OpDef op_pad;
const OpDef op_pad{
    .name = "pad",
    .summary = "zeros around and between the elements",
    .doc =
        "result[low[d] + i[d] * (interior[d] + 1)] = x[i], zero elsewhere.\n"
        "(C1) low, high and interior have one entry for each dimension of x.\n"
        "(C2) none is negative (slice cuts).\n"
        "(C3) the dtype is a number.",
    .source = "https://openxla.org/stablehlo/spec#pad",
    .arity = 1,
    .attrs = {{"high", AttrKind::Ints, "zeros after"},
              {"interior", AttrKind::Ints, "zeros between neighbours"},
              {"low", AttrKind::Ints, "zeros before"}},
    .shape = pad_type,
    .vjp = &pad_vjp,
    .body = View{pad_map, pad_of_stack},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {pad_sample({3, 5}, {1, 0}, {0, 2}, {0, 1}), pad_sample({}, {}, {}, {}), pad_sample({7}, {2}, {3}, {2}),
                pad_sample({0, 4}, {2, 1}, {1, 0}, {3, 0}), pad_sample({2, 1, 3}, {0, 1, 0}, {0, 0, 1}, {1, 5, 0})},
};

}  // namespace tarn
