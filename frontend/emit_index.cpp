// Elements at indices that a tensor holds, sums by them, and the indices of a tensor's own elements.
#include <fmt/format.h>

#include "frontend/emitter.h"

namespace tarn {

// Whether `ids` can serve as indices of a dimension of `size` entries.
bool Emitter::are_indices(const Term& ids, int64_t size, std::string_view what, Span span) {
  if (!ids.is_tensor() || ids.weak || !is_integer(ids.dtype)) {
    session_
        .error(span,
               fmt::format("`{}` takes its indices from labels or integers, but these are {}", what, describe(ids)),
               "type.mismatch")
        .help({}, "declare the data field as `class[10]` or `i32[..]`; i32(x) converts numbers");
    return false;
  }
  if (ids.classes <= size) return true;
  session_.error(span, fmt::format("`{}` is asked for {} classes, but there are {} entries", what, ids.classes, size),
                 "index.range");
  return false;
}

Term Emitter::gather(const Term& x, const Term& ids, size_t axis, Span span) {
  if (!are_indices(ids, x.axes[axis].size, "gather", span)) return {};
  if (x.axes[axis].is_batch()) {
    session_.error(span,
                   "rows of the batch cannot be picked by their number: which ones are valid is known at run time only",
                   "index.batch");
    return {};
  }
  std::vector<Axis> axes = x.axes;
  auto place = axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(axis));
  axes.insert(place, ids.axes.begin(), ids.axes.end());
  ValueId value = at().op("gather", {x.value, ids.value}, {{"axis", static_cast<int64_t>(axis)}});
  return tensor(value, axes, x.classes);
}

// `updates` has the dimensions of `ids` from `axis` on; rows past the count add nothing.
Term Emitter::scatter_add(const Term& ids, const Term& updates, int64_t size, size_t axis, Span span) {
  if (!is_arithmetic(updates, "scatter_add", span) || !are_indices(ids, size, "scatter_add", span)) return {};
  bool fits = updates.axes.size() >= axis + ids.axes.size();
  std::vector<size_t> summed;
  for (size_t i = 0; i < ids.axes.size() && fits; ++i) {
    const Axis &index = ids.axes[i], &update = updates.axes[axis + i];
    fits = index.size == update.size && index.inner == update.inner;
    summed.push_back(axis + i);
  }
  if (!fits) {
    Diagnostic& made = session_.error(
        span,
        fmt::format("`scatter_add` of `{}` by indices `{}` needs the dimensions of the indices from {} on",
                    describe(updates), describe(ids), axis),
        "scatter_add.C1");
    if (!made.rule.empty()) note_axes(made, updates, ids);
    return {};
  }
  std::vector<Axis> axes = updates.axes;
  auto first = axes.begin() + static_cast<std::ptrdiff_t>(axis);
  first = axes.erase(first, first + static_cast<std::ptrdiff_t>(summed.size()));
  axes.insert(first, fresh_axis(size, "", span));
  Term number = updates.dtype == DType::Bool ? to_float(updates, span) : updates;
  ValueId value = masked(number, summed, 0);
  return tensor(at().op("scatter_add", {ids.value, value}, {{"axis", static_cast<int64_t>(axis)}, {"size", size}}),
                axes);
}

Term Emitter::positions(const std::vector<Axis>& axes, size_t axis) {
  Attrs attrs = {{"axis", static_cast<int64_t>(axis)}, {"dtype", std::string("i32")}, {"shape", shape_of(axes)}};
  return tensor(at().op("iota", {}, std::move(attrs)), axes);
}

}  // namespace tarn
