// Scalars that are known at compile time, calculated as the ops themselves say (Elementwise::eval), so that a literal
// gives what the same numbers in a tensor give.
#pragma once

#include <string_view>
#include <vector>

#include "frontend/term.h"

namespace tarn {

// An elementwise op of literals.  Integers under ops that integers have give an integer, exact in all 64 bits, or a real
// where it does not fit; comparisons give a truth value; everything else is f64.
Term fold(std::string_view op, const std::vector<Term>& operands);

// A literal in another element type, as op `cast` says.
Term fold_cast(const Term& x, DType dtype);

}  // namespace tarn
