// What must hold of every function @f of the tensor IR, whatever it computes: the list that random graphs and the
// graphs kept in tests/graphs/kept/ go through.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ir/graph.h"

namespace tarn {

struct Verdict {
  std::string wrong;         // what was observed; empty: it holds
  bool is_unstable = false;  // the graph differs from itself when its arguments move by a rounding: it says nothing
};

// `seed` chooses the arguments' numbers, weights of losses and orders of passes; `cpu` is for machine code.
struct GraphCheck {
  std::string_view name;
  uint64_t every;          // of so many random graphs, the first one
  bool is_differentiable;  // for graphs without stop_gradient, whose rule is not the derivative
  Verdict (*run)(const Module& module, uint64_t seed, const std::string& cpu);
};

std::span<const GraphCheck> graph_checks();
const GraphCheck* find_graph_check(std::string_view name);  // nullptr: no such check

}  // namespace tarn
