// Slides windows along a dimension: what convolution and pooling read.
#include "ir/op_file.h"

#include <fmt/format.h>

#include <algorithm>

namespace tarn {

namespace {

struct WindowAttrs {
  explicit WindowAttrs(const Attrs& attrs)
      : axis(attr_int(attrs, "axis")),
        tap(attr_int(attrs, "tap")),
        stride(attr_int(attrs, "stride")),
        dilation(attr_int(attrs, "dilation")),
        offset(attr_int(attrs, "offset")),
        size(attr_int(attrs, "size")) {}

  int64_t axis, tap, stride, dilation, offset, size;
};

// Sizes and steps beyond this are no windows of any tensor; below it no product overflows.
constexpr int64_t kLargest = int64_t{1} << 30;

bool is_large(int64_t value) {
  return value > kLargest || value < -kLargest;
}

}  // namespace

static Result<Type> window_type(const ShapeArgs& args) {
  const Type& x = args.inputs[0];
  WindowAttrs a(args.attrs);
  auto is_dimension = [&](int64_t d) { return d >= 0 && d < x.rank(); };
  if (!is_dimension(a.axis) || !is_dimension(a.tap) || a.axis == a.tap) {
    return Error{fmt::format("axis {} and tap {} are no two dimensions of {}", a.axis, a.tap, x.text()), "C1"};
  }
  if (a.stride < 1 || a.size < 0 || is_large(a.stride) || is_large(a.dilation) || is_large(a.offset) ||
      is_large(a.size)) {
    return Error{fmt::format("stride {}, dilation {}, offset {} and size {} are no windows", a.stride, a.dilation,
                             a.offset, a.size),
                 "C2"};
  }
  int64_t taps = x.shape[static_cast<size_t>(a.tap)], extent = x.shape[static_cast<size_t>(a.axis)];
  if (a.size > 0 && taps > 0) {
    int64_t reach = a.dilation * (std::min(taps, kLargest) - 1);
    int64_t first = a.offset + std::min<int64_t>(0, reach);
    int64_t last = a.offset + std::max<int64_t>(0, reach) + a.stride * (a.size - 1);
    if (first < 0 || last >= extent) {
      return Error{
          fmt::format("windows reach from {} to {}, outside of dimension {} of {}", first, last, a.axis, x.text()),
          "C3", 0};
    }
  }
  Type result = x;
  result.shape[static_cast<size_t>(a.axis)] = a.size;
  return result;
}

static std::optional<std::vector<AffineIndex>> window_map(const Attrs& attrs, const Shape& operand, const Shape&) {
  WindowAttrs a(attrs);
  std::vector<AffineIndex> map(operand.size(), {std::vector<int64_t>(operand.size(), 0)});
  for (size_t d = 0; d < operand.size(); ++d) map[d].coefficients[d] = 1;
  AffineIndex& index = map[static_cast<size_t>(a.axis)];
  index.coefficients[static_cast<size_t>(a.axis)] = a.stride;
  index.coefficients[static_cast<size_t>(a.tap)] = a.dilation;
  index.offset = a.offset;
  return map;
}

// d x[n, k] = d result[(n - offset - dilation * k) / stride, k] where that is an index, else zero: the cotangent with
// stride - 1 zeros between its elements and enough around them, read through windows of the opposite dilation.
static Gradients window_vjp(const VjpArgs& args) {
  WindowAttrs a(args.op.attrs);
  auto axis = static_cast<size_t>(a.axis);
  const Shape x = args.b.type(args.inputs[0]).shape;
  int64_t reach = a.dilation * std::max<int64_t>(0, x[static_cast<size_t>(a.tap)] - 1);
  Shape low(x.size(), 0), high(x.size(), 0), interior(x.size(), 0);
  int64_t offset = std::max<int64_t>(0, a.offset + std::max<int64_t>(0, reach)) - a.offset;
  low[axis] = offset + a.offset;
  interior[axis] = a.size > 1 ? a.stride - 1 : 0;
  int64_t padded = low[axis] + (a.size > 0 ? a.stride * (a.size - 1) + 1 : 0);
  int64_t needed = x[axis] + offset + std::max<int64_t>(0, -reach);
  high[axis] = std::max<int64_t>(0, needed - padded);
  ValueId spread = args.b.op("pad", {args.cotangent}, {{"high", high}, {"interior", interior}, {"low", low}});
  return {args.b.op("window", {spread},
                    {{"axis", a.axis},
                     {"tap", a.tap},
                     {"stride", int64_t{1}},
                     {"dilation", -a.dilation},
                     {"offset", offset},
                     {"size", x[axis]}})};
}

static Sample window_sample(Shape shape, int64_t axis, int64_t tap, int64_t stride, int64_t dilation, int64_t offset,
                            int64_t size) {
  return {
      {SampleInput{Type{DType::F32, std::move(shape)}}},
      {{"axis", axis}, {"tap", tap}, {"stride", stride}, {"dilation", dilation}, {"offset", offset}, {"size", size}},
      {}};
}

static Attrs window_of_stack(const Attrs& attrs, int64_t) {
  Attrs made = attrs;
  for (const char* key : {"axis", "tap"}) made[key] = attr_int(attrs, key) + 1;
  return made;
}

extern const OpDef op_window;
const OpDef op_window{
    .name = "window",
    .summary = "windows that slide along a dimension",
    .doc =
        "result[.., h, .., k, ..] = x[.., stride * h + dilation * k + offset, .., k, ..], where h is the index of "
        "dimension axis, which gets the given size, and k that of dimension tap.  With x repeated along tap, k is the "
        "position in window h.\n"
        "(C1) axis and tap are two dimensions of x.\n"
        "(C2) stride >= 1, size >= 0; all numbers are at most 2^30 in size.\n"
        "(C3) no window leaves the dimension (pad first).",
    .source = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.unfold.html",
    .arity = 1,
    .attrs = {{"axis", AttrKind::Int, "the dimension that windows slide along"},
              {"dilation", AttrKind::Int, "step between neighbours in a window; may be negative"},
              {"offset", AttrKind::Int, "where tap 0 of window 0 lies"},
              {"size", AttrKind::Int, "how many windows"},
              {"stride", AttrKind::Int, "step between windows"},
              {"tap", AttrKind::Int, "the dimension that numbers the elements of a window"}},
    .shape = window_type,
    .vjp = &window_vjp,
    .body = View{window_map, window_of_stack},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {window_sample({7, 3}, 0, 1, 1, 1, 0, 5), window_sample({3, 2, 9}, 2, 0, 2, 2, 1, 2),
                window_sample({2, 11, 3}, 1, 2, 3, -1, 2, 3), window_sample({0, 4, 2}, 1, 2, 1, 1, 0, 3),
                window_sample({5, 0}, 0, 1, 1, 1, 0, 4), window_sample({5, 2}, 0, 1, 1, 1, 0, 0),
                window_sample({4, 1}, 0, 1, 2, 5, 1, 2), window_sample({6, 3, 2}, 0, 2, 2, 0, 1, 3)},
};

}  // namespace tarn
