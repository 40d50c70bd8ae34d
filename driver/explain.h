// What `tarn explain` says about a compiled program.
#pragma once

#include <string>

#include "codegen/program/program.h"
#include "driver/options.h"
#include "ir/graph.h"

namespace tarn {

// `module`: planned; `program`: made from it.
std::string explain(const Module& module, const Program& program, const ExplainOptions& options);

// The entry functions as a graphviz digraph: kernels as boxes, values as edges.
std::string dot_graph(const Module& module);

// "contract, 2 x add, relu": the ops of a kernel in order of first appearance, views and constants aside.
std::string fused_ops(const Func& kernel);
// "mnist.tarn:7,12": the places that the fused ops come from.
std::string source_lines(const Func& kernel);

}  // namespace tarn
