// A graph on which a check fails -> a small one on which it still fails.
#pragma once

#include <functional>

#include "ir/graph.h"

namespace tarn {

// Greedily drops results, puts operands, arguments and constants in the place of ops, and shortens loops' bodies, as
// long as `fails` holds of @f and it remains sound.
Module reduce_graph(Module module, const std::function<bool(const Module&)>& fails);

}  // namespace tarn
