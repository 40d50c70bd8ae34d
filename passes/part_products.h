// concat(x, h) @ w, written as a product of padded parts that are added -> x @ (rows of w) + h @ (rows of w).
#pragma once

#include <functional>

#include "ir/graph.h"

namespace tarn {

// Parts the products of `func` in which some parts, but not all, are `apart`; returns how many.
int64_t part_products(Func& func, const std::function<bool(ValueId)>& apart);

}  // namespace tarn
