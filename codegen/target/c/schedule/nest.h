// A perfect nest of `for` loops: its variables, and all that runs in the innermost.
#pragma once

#include "codegen/kernel/kernel.h"

namespace tarn::c_source {

struct Nest {
  std::vector<VariableIndex> variables;  // outermost first
  Block body;                            // scalar code that stood between the loops comes first
};

Nest collect_nest(const ForLoop& loop);

bool holds_loop(const Block& block);  // a `for` or a reduction

}  // namespace tarn::c_source
