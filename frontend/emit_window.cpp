// What convolution and pooling read: zeros around a dimension, windows that slide along it.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "frontend/emitter.h"

namespace tarn {

bool Emitter::is_slidable(const Term& x, size_t axis, std::string_view what, Span span) {
  if (!x.axes[axis].is_batch()) return true;
  session_.error(span,
                 fmt::format("`{}` goes along a dimension of `{}` that is not the batch, whose rows are independent",
                             what, describe(x)),
                 "index.batch");
  return false;
}

// bool[size]: first <= i < end.
ValueId Emitter::inside(int64_t size, int64_t first, int64_t end) {
  Builder& b = at();
  Type type{DType::I32, {size}};
  ValueId place = b.op("iota", {}, {{"axis", int64_t{0}}, {"dtype", std::string("i32")}, {"shape", type.shape}});
  return b.op("and", {b.op("ge", {place, b.constant(static_cast<double>(first), type)}),
                      b.op("lt", {place, b.constant(static_cast<double>(end), type)})});
}

Term Emitter::pad(const Term& x, size_t axis, const Padding& padding, Span span) {
  if (!is_slidable(x, axis, "pad", span)) return {};
  int64_t old = x.axes[axis].size;
  int64_t begin = std::max<int64_t>(0, -padding.before), end = old - std::max<int64_t>(0, -padding.after);
  if (begin >= end) {
    Diagnostic& made = session_.error(span,
                                      fmt::format("cutting {} and {} off leaves nothing of dimension {} of `{}`",
                                                  std::min(begin, old), std::min(old - end, old), axis, describe(x)),
                                      "pad.C2");
    if (!made.rule.empty()) session_.note_origin(made, x.axes[axis]);
    return {};
  }
  bool is_bool = x.dtype == DType::Bool;
  Term number = is_bool ? cast(x, DType::I32, span) : x.classes > 0 ? to_float(x, span) : x;
  Term inner = slice(number, axis, begin, end, span);
  if (inner.is_error()) return {};
  int64_t kept = end - begin, low = std::max<int64_t>(0, padding.before), high = std::max<int64_t>(0, padding.after);
  int64_t size = low + kept + (kept - 1) * padding.between + high;
  if (size == kept) return is_bool ? cast(inner, DType::Bool, span) : inner;
  Shape lows(x.axes.size(), 0), highs = lows, interior = lows;
  lows[axis] = low;
  highs[axis] = high;
  interior[axis] = padding.between;
  ValueId value = at().op("pad", {inner.value}, {{"low", lows}, {"high", highs}, {"interior", interior}});
  std::vector<Axis> axes = inner.axes;
  axes[axis] = fresh_axis(size, axes[axis].name, span);
  Term result = tensor(value, axes);
  if (padding.value != 0) {
    Builder& b = at();
    ValueId mask = b.broadcast(inside(size, low, size - high), result.shape(), {static_cast<int64_t>(axis)});
    result = tensor(b.select(mask, value, b.constant_like(value, padding.value)), axes);
  }
  return is_bool ? cast(result, DType::Bool, span) : result;
}

Term Emitter::flip(const Term& x, size_t axis, Span span) {
  if (!is_slidable(x, axis, "flip", span)) return {};
  Shape start(x.axes.size(), 0), limit = x.shape(), stride(x.axes.size(), 1);
  start[axis] = x.axes[axis].size - 1;
  limit[axis] = stride[axis] = -1;
  ValueId value = at().op("slice", {x.value}, {{"start", start}, {"limit", limit}, {"stride", stride}});
  return tensor(value, x.axes, x.classes);
}

Term Emitter::windows(const Term& x, size_t axis, const Windows& windows, Span span) {
  if (!is_slidable(x, axis, "windows", span)) return {};
  const Axis& slid = x.axes[axis];
  int64_t reach = std::abs(windows.dilation) * (windows.size - 1), count = (slid.size - 1 - reach) / windows.stride + 1;
  if (reach >= slid.size) {
    std::string spread = windows.dilation == 1 ? "" : fmt::format(" with dilation {}", windows.dilation);
    Diagnostic& made =
        session_.error(span,
                       fmt::format("a window of {}{} does not fit into dimension {} of `{}`, which has {}",
                                   windows.size, spread, axis, describe(x), axis_text(slid)),
                       "windows.C2");
    if (!made.rule.empty()) session_.note_origin(made, slid);
    return {};
  }
  std::vector<Axis> axes = x.axes;
  axes[axis] = fresh_axis(count, slid.name, span);
  axes.push_back(fresh_axis(windows.size, "", span));
  if (windows.stride == windows.size && windows.dilation == 1) return tiles(x, axis, axes, span);
  Shape wide = x.shape();
  wide.push_back(windows.size);
  std::vector<int64_t> dims(x.axes.size());
  std::iota(dims.begin(), dims.end(), 0);
  Builder& b = at();
  ValueId value = b.op("window", {b.broadcast(x.value, wide, dims)},
                       {{"axis", static_cast<int64_t>(axis)},
                        {"tap", static_cast<int64_t>(dims.size())},
                        {"stride", windows.stride},
                        {"dilation", windows.dilation},
                        {"offset", windows.dilation < 0 ? reach : int64_t{0}},
                        {"size", count}});
  return tensor(value, axes, x.classes);
}

// Windows side by side are a dimension taken apart: each element is in one of them, so that gradients are too.
Term Emitter::tiles(const Term& x, size_t axis, const std::vector<Axis>& axes, Span span) {
  int64_t size = axes.back().size;
  Term whole = slice(x, axis, 0, axes[axis].size * size, span);
  Shape split = whole.shape();
  split[axis] = size;
  split.insert(split.begin() + static_cast<std::ptrdiff_t>(axis), axes[axis].size);
  ValueId value = at().reshape(whole.value, split);
  std::vector<int64_t> order(split.size());
  std::iota(order.begin(), order.end(), 0);
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(axis) + 1);
  order.push_back(static_cast<int64_t>(axis) + 1);
  if (!std::is_sorted(order.begin(), order.end())) value = at().op("transpose", {value}, {{"perm", order}});
  return tensor(value, axes, x.classes);
}

Term Emitter::stack(const std::vector<Term>& parts, size_t axis, Span span) {
  std::vector<Term> slabs;
  for (const Term& part : parts) {
    std::vector<Axis> axes = part.axes;
    axes.insert(axes.begin() + static_cast<std::ptrdiff_t>(std::min(axis, axes.size())), fresh_axis(1, "", span));
    slabs.push_back(tensor(at().reshape(part.value, shape_of(axes)), axes, part.classes));
  }
  return concat(slabs, axis, span);
}

}  // namespace tarn
