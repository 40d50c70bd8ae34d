// Composition of affine views.
#include "passes/affine_view.h"

#include <algorithm>

#include "ir/op_def.h"
#include "ir/view_map.h"

namespace tarn {

static int64_t floor_divide(int64_t a, int64_t b) {  // b > 0
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}
static int64_t ceil_divide(int64_t a, int64_t b) {
  return -floor_divide(-a, b);
}

// How many variables the index depends on.
static int64_t dependences(const AffineIndex& index) {
  return std::count_if(index.coefficients.begin(), index.coefficients.end(), [](int64_t c) { return c != 0; });
}

bool AffineView::depends_on(size_t variable) const {
  return std::any_of(index.begin(), index.end(), [&](const AffineIndex& i) { return i.coefficients[variable] != 0; });
}

IndexRange reach(const AffineIndex& index, const Shape& extents) {
  IndexRange result{index.offset, index.offset};
  for (size_t v = 0; v < extents.size(); ++v) {
    int64_t change = index.coefficients[v] * (extents[v] - 1);
    (change < 0 ? result.begin : result.end) += change;
  }
  return result;
}

// True where the index is always whole and in range.
static bool stays_inside(const AffineIndex& index, const IndexRange& range, const Shape& extents) {
  IndexRange all = reach(index, extents);
  return index.divisor == 1 && all.begin >= range.begin && all.end < range.end;
}

bool Substitution::can_leave(size_t variable) const {
  return !stays_inside(index[variable], range[variable], extents);
}

AffineView view_of(ValueId source, const Shape& shape, const std::vector<size_t>& variables, size_t count) {
  AffineView view{source, {}, {}};
  for (size_t d = 0; d < shape.size(); ++d) {
    view.index.push_back({std::vector<int64_t>(count, 0)});
    view.index.back().coefficients[variables[d]] = 1;
    view.range.push_back({0, shape[d]});
  }
  return view;
}

// `index` with its variables replaced; nullopt where a quotient would be multiplied or added to.
static std::optional<AffineIndex> substitute_index(const AffineIndex& index, const Substitution& by) {
  AffineIndex result{std::vector<int64_t>(by.extents.size(), 0), index.offset, index.divisor};
  for (size_t d = 0; d < by.index.size(); ++d) {
    int64_t factor = index.coefficients[d];
    const AffineIndex& inner = by.index[d];
    if (factor == 0) continue;
    if (inner.divisor != 1) {
      if (factor != 1 || dependences(index) != 1) return std::nullopt;
      return AffineIndex{inner.coefficients, inner.offset + inner.divisor * index.offset,
                         inner.divisor * index.divisor};
    }
    result.offset += factor * inner.offset;
    for (size_t v = 0; v < by.extents.size(); ++v) result.coefficients[v] += factor * inner.coefficients[v];
  }
  return result;
}

std::optional<Substituted> substitute(const AffineView& view, const Substitution& by) {
  Substituted result{{view.source, {}, view.range}, std::vector<bool>(by.index.size(), false)};
  for (size_t e = 0; e < view.index.size(); ++e) {
    const AffineIndex& old = view.index[e];
    std::optional<AffineIndex> index = substitute_index(old, by);
    if (!index) return std::nullopt;
    result.view.index.push_back(std::move(*index));
    if (dependences(old) != 1) continue;
    for (size_t d = 0; d < by.index.size(); ++d) {
      int64_t factor = old.coefficients[d];
      if (factor < 1 || !by.can_leave(d)) continue;
      // The variable is in its range just where the index, which grows with it, is in the image of that range.
      IndexRange& range = result.view.range[e];
      range.begin = std::max(range.begin, ceil_divide(factor * by.range[d].begin + old.offset, old.divisor));
      range.end = std::min(range.end, floor_divide(factor * (by.range[d].end - 1) + old.offset, old.divisor) + 1);
      range.end = std::max(range.end, range.begin);
      result.holds[d] = true;
    }
  }
  return result;
}

// The view of x that `view`, a view of y = op(x), is; nullopt where that is no affine view.
static std::optional<AffineView> step(const AffineView& view, const Func& func, const Op& op, const Shape& extents) {
  std::optional<std::vector<AffineIndex>> map = view_map(func, op);
  if (!map) return std::nullopt;
  AffineView inner{op.operands[0], std::move(*map), {}};
  for (int64_t size : func.type(op.operands[0]).shape) inner.range.push_back({0, size});
  Substitution by{view.index, view.range, extents};
  std::optional<Substituted> result = substitute(inner, by);
  if (!result) return std::nullopt;
  for (size_t d = 0; d < by.index.size(); ++d) {
    if (by.can_leave(d) && !result->holds[d]) return std::nullopt;
  }
  return result->view;
}

static bool depend_alike(const AffineView& a, const AffineView& b, size_t variables) {
  for (size_t v = 0; v < variables; ++v) {
    if (a.depends_on(v) != b.depends_on(v)) return false;
  }
  return true;
}

AffineView traced(AffineView view, const Func& func, const std::vector<int>& defining, const Shape& extents) {
  for (;;) {
    int op = defining[view.source.index];
    if (op < 0 || !std::holds_alternative<View>(func.ops[static_cast<size_t>(op)].def->body)) return view;
    std::optional<AffineView> next = step(view, func, func.ops[static_cast<size_t>(op)], extents);
    bool is_sound = next && is_realizable(*next, extents) && depend_alike(*next, view, extents.size());
    if (!is_sound) return view;
    view = std::move(*next);
  }
}

bool slides_or_pads(const AffineView& view, const Shape& extents) {
  for (size_t e = 0; e < view.index.size(); ++e) {
    if (dependences(view.index[e]) > 1 || !stays_inside(view.index[e], view.range[e], extents)) return true;
  }
  return false;
}

}  // namespace tarn
