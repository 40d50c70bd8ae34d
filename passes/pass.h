// A pass: a free function over a module, and the record that names it.  The runner (pipeline.h) verifies, times, counts
// and dumps; a pass only rewrites.
#pragma once

#include <cstdint>
#include <string_view>

#include "ir/base/result.h"
#include "ir/graph.h"
#include "passes/target_wishes.h"

namespace tarn {

struct PassStats {
  int64_t changed = 0;  // how many things the pass rewrote; 0: the module is as before
};

struct Pass {
  std::string_view name;
  std::string_view summary;
  // An Error is the user's: it says what in the model cannot be compiled.
  Result<PassStats> (*run)(Module& module, const TargetWishes& wishes);
};

}  // namespace tarn
