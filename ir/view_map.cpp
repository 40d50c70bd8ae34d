// Index maps of views, reshape among them.
#include "ir/view_map.h"

#include <algorithm>

#include "ir/base/check.h"
#include "ir/op_def.h"

namespace tarn {

// Walks both shapes from the left in groups of equal product.  A group with one operand dimension (sizes 1 aside) is a
// split, and that dimension's index is sum of stride * result index; a group with more is a merge, which is not affine.
static std::optional<std::vector<AffineIndex>> reshape_map(const Shape& operand, const Shape& result) {
  std::vector<AffineIndex> map(operand.size(), AffineIndex{std::vector<int64_t>(result.size(), 0)});
  size_t r = 0;
  for (size_t o = 0; o < operand.size(); ++o) {
    if (operand[o] == 1) continue;
    size_t first = r;
    int64_t product = 1;
    while (r < result.size() && product < operand[o]) product *= result[r++];
    if (product != operand[o]) return std::nullopt;
    int64_t stride = 1;
    for (size_t d = r; d-- > first;) {
      map[o].coefficients[d] = result[d] == 1 ? 0 : stride;
      stride *= result[d];
    }
  }
  return map;
}

std::optional<std::vector<AffineIndex>> view_map(const Func& func, const Op& op) {
  const View* view = std::get_if<View>(&op.def->body);
  TARN_CHECK(view, "`{}` is no view", op.def->name);
  const Shape& operand = func.type(op.operands[0]).shape;
  const Shape& result = func.type(op.result()).shape;
  if (std::optional<std::vector<AffineIndex>> map = view->map(op.attrs, operand, result)) return map;
  bool is_empty = std::find(operand.begin(), operand.end(), 0) != operand.end();
  if (is_empty) return std::vector<AffineIndex>(operand.size(), AffineIndex{std::vector<int64_t>(result.size(), 0)});
  return reshape_map(operand, result);
}

bool leaves_range(const std::vector<AffineIndex>& map, const Shape& result, const Shape& operand) {
  for (size_t d = 0; d < map.size(); ++d) {
    int64_t low = map[d].offset, high = map[d].offset;
    for (size_t r = 0; r < result.size(); ++r) {
      int64_t reach = map[d].coefficients[r] * std::max<int64_t>(0, result[r] - 1);
      (reach < 0 ? low : high) += reach;
    }
    if (map[d].divisor != 1 || low < 0 || high >= std::max<int64_t>(1, operand[d])) return true;
  }
  return false;
}

static bool is_identity(const AffineIndex& index, size_t dimension) {
  if (index.offset != 0 || index.divisor != 1) return false;
  for (size_t d = 0; d < index.coefficients.size(); ++d) {
    if (index.coefficients[d] != (d == dimension ? 1 : 0)) return false;
  }
  return true;
}

int64_t preserved_prefix(const Func& func, const Op& op) {
  std::optional<std::vector<AffineIndex>> map = view_map(func, op);
  if (!map) return 0;
  const Shape& operand = func.type(op.operands[0]).shape;
  const Shape& result = func.type(op.result()).shape;
  size_t prefix = 0;
  while (prefix < map->size() && prefix < result.size() && operand[prefix] == result[prefix] &&
         (is_identity((*map)[prefix], prefix) || operand[prefix] == 1)) {
    ++prefix;
  }
  return static_cast<int64_t>(prefix);
}

std::optional<std::vector<size_t>> permutation_of(const Func& func, const Op& view) {
  std::optional<std::vector<AffineIndex>> map = view_map(func, view);
  size_t rank = func.type(view.result()).shape.size();
  if (!map || map->size() != rank) return std::nullopt;
  std::vector<size_t> order(rank, rank);
  for (size_t from = 0; from < rank; ++from) {
    size_t to = 0;
    while (to < rank && !is_identity((*map)[from], to)) ++to;
    if (to == rank || order[to] != rank) return std::nullopt;
    order[to] = from;
  }
  return func.type(view.result()).elements() == func.type(view.operands[0]).elements() ? std::optional(order)
                                                                                       : std::nullopt;
}

}  // namespace tarn
