// Chains of views as one map, and back: how a tensor is read through any number of pads, slices, windows, transposes
// and broadcasts, in a form that composes, and the shortest chain of ops that reads so.
#pragma once

#include <optional>
#include <vector>

#include "ir/builder.h"
#include "ir/op_forms.h"

namespace tarn {

// Indices from `begin` up to, but without, `end`.
struct IndexRange {
  int64_t begin = 0;
  int64_t end = 0;
};

// Reads `source` over a list of variables: the element at index[e](variables) in each dimension e; zero where an index
// has a remainder or is outside of its range.
struct AffineView {
  ValueId source;
  std::vector<AffineIndex> index;  // for each dimension of the source; coefficients of the variables
  std::vector<IndexRange> range;   // of each index, within the dimension

  bool depends_on(size_t variable) const;
};

// The least and the greatest numerator of `index` over variables of these extents, none of which is 0.
IndexRange reach(const AffineIndex& index, const Shape& extents);

// Reads all of a tensor of this shape: dimension d is variable variables[d] of `count`.
AffineView view_of(ValueId source, const Shape& shape, const std::vector<size_t>& variables, size_t count);

// Variables that are indices of other variables: old variable d is index[d] of new ones, whose extents are given, and
// everything is zero unless it lies in range[d].
struct Substitution {
  std::vector<AffineIndex> index;
  std::vector<IndexRange> range;
  Shape extents;

  bool can_leave(size_t variable) const;
};

struct Substituted {
  AffineView view;
  std::vector<bool> holds;  // of each old variable that can leave its range: the view is zero where it does
};
// nullopt where no such view is affine.
std::optional<Substituted> substitute(const AffineView& view, const Substitution& by);

// Follows the source through the views that make it, as far as they compose and leave no variable without a dimension.
AffineView traced(AffineView view, const Func& func, const std::vector<int>& defining, const Shape& extents);

// True where the view is more than a permuted or repeated box: it slides windows or surrounds with zeros.
bool slides_or_pads(const AffineView& view, const Shape& extents);

// A chain of ops that reads as the view does: at most a slice, a pad, a slice, a reshape and a broadcast, then windows.
struct RealizedView {
  ValueId value;
  std::vector<size_t> variables;  // of each dimension; those that the view depends on, each once
};
bool is_realizable(const AffineView& view, const Shape& extents);
RealizedView realize(const AffineView& view, const Shape& extents, Builder& builder);

}  // namespace tarn
