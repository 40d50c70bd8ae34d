// Where a view op reads: the index of its operand as affine expressions of the index of its result.
#pragma once

#include <optional>
#include <vector>

#include "ir/graph.h"
#include "ir/op_forms.h"

namespace tarn {

// For each operand dimension its index expression; nullopt where no affine expression exists, which is so only for a
// reshape that merges dimensions (its result is then another name for the same memory).
std::optional<std::vector<AffineIndex>> view_map(const Func& func, const Op& op);

// True where some index of the result reads outside the operand, or between its elements; that element is zero.
bool leaves_range(const std::vector<AffineIndex>& map, const Shape& result, const Shape& operand);

// How many leading dimensions a view passes on unchanged: for d below it, result index d is operand index d.
int64_t preserved_prefix(const Func& func, const Op& op);

// Where a view only permutes dimensions: which dimension of the operand each dimension of the result is.
std::optional<std::vector<size_t>> permutation_of(const Func& func, const Op& view);

}  // namespace tarn
