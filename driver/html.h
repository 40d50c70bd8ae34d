// One self-contained HTML page about a compiled program: kernels, their loops, and a map of the arena over time.
#pragma once

#include <string>

#include "codegen/program/program.h"
#include "ir/graph.h"

namespace tarn {

// `module`: planned; `program`: made from it.
std::string html_page(const Module& module, const Program& program);

}  // namespace tarn
