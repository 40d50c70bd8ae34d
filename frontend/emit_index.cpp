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

// Whether the first `shared` dimensions of x and ids are the same and lie before `axis`.
bool Emitter::do_share(const Term& x, const Term& ids, size_t axis, size_t shared, std::string_view what, Span span) {
  bool fits = shared <= std::min(axis, std::min(ids.axes.size(), x.axes.size()));
  for (size_t i = 0; i < shared && fits; ++i) {
    fits = x.axes[i].size == ids.axes[i].size && x.axes[i].inner == ids.axes[i].inner;
  }
  if (fits) return true;
  Diagnostic& made = session_.error(
      span,
      fmt::format(
          "`{}` with `shared = {}` needs the first {} of `{}` and of indices `{}` to be the same, and dimension "
          "{} to be behind",
          what, shared, shared == 1 ? "dimension" : fmt::format("{} dimensions", shared), describe(x), describe(ids),
          axis),
      fmt::format("{}.C2", what));
  if (!made.rule.empty()) note_axes(made, x, ids);
  return false;
}

// Each entry of the first `shared` dimensions has indices of its own.
Term Emitter::gather(const Term& x, const Term& ids, size_t axis, size_t shared, Span span) {
  if (!are_indices(ids, x.axes[axis].size, "gather", span)) return {};
  if (x.axes[axis].is_batch()) {
    session_.error(span,
                   "rows of the batch cannot be picked by their number: which ones are valid is known at run time only",
                   "index.batch");
    return {};
  }
  if (!do_share(x, ids, axis, shared, "gather", span)) return {};
  std::vector<Axis> axes = x.axes;
  auto place = axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(axis));
  axes.insert(place, ids.axes.begin() + static_cast<std::ptrdiff_t>(shared), ids.axes.end());
  ValueId value = at().op("gather", {x.value, ids.value},
                          {{"axis", static_cast<int64_t>(axis)}, {"shared", static_cast<int64_t>(shared)}});
  return tensor(value, axes, x.classes);
}

// `updates` has the dimensions of `ids`, behind the shared ones, from `axis` on; rows past the count add nothing.
Term Emitter::scatter_add(const Term& ids, const Term& updates, int64_t size, size_t axis, size_t shared, Span span) {
  if (!is_arithmetic(updates, "scatter_add", span) || !are_indices(ids, size, "scatter_add", span)) return {};
  if (!do_share(updates, ids, axis, shared, "scatter_add", span)) return {};
  size_t own = ids.axes.size() - shared;
  bool fits = updates.axes.size() >= axis + own;
  std::vector<size_t> summed;
  for (size_t i = 0; i < own && fits; ++i) {
    const Axis &index = ids.axes[shared + i], &update = updates.axes[axis + i];
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
  Attrs attrs = {{"axis", static_cast<int64_t>(axis)}, {"shared", static_cast<int64_t>(shared)}, {"size", size}};
  return tensor(at().op("scatter_add", {ids.value, value}, std::move(attrs)), axes);
}

Term Emitter::positions(const std::vector<Axis>& axes, size_t axis) {
  Attrs attrs = {{"axis", static_cast<int64_t>(axis)}, {"dtype", std::string("i32")}, {"shape", shape_of(axes)}};
  return tensor(at().op("iota", {}, std::move(attrs)), axes);
}

}  // namespace tarn
