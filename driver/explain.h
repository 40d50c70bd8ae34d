// What `tarn explain` says about a compiled program.
#pragma once

#include <string>

#include "codegen/program.h"
#include "driver/options.h"
#include "ir/graph.h"

namespace tarn {

// `module`: planned; `program`: made from it.
std::string explain(const Module& module, const Program& program, const ExplainOptions& options);

// The entry functions as a graphviz digraph: kernels as boxes, values as edges.
std::string dot_graph(const Module& module);

}  // namespace tarn
