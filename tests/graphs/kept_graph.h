// Graphs on which a check once failed, as files: tests/graphs/kept/*.tarnir.
//
//   // seed: 17
//   // machine_code: results of x86-64-v3 differ by 0.5
//   module @random
//   ...
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace tarn {

struct KeptGraph {
  std::string file;  // its name
  uint64_t seed = 0;
  Module module;
};

std::string kept_text(const Module& module, uint64_t seed, const std::string& found);
std::vector<KeptGraph> read_kept_graphs(const std::string& folder);

}  // namespace tarn
