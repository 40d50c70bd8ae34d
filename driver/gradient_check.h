// Compares the model's own gradients with finite differences, both by the f64 interpreter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/base/result.h"
#include "ir/graph.h"

namespace tarn {

struct GradientCheck {
  std::string parameter;
  double norm = 0;            // of the gradient
  double relative_error = 0;  // worst over the directions tried
  int directions = 0;
  bool agrees = true;  // within kGradientTolerance, beyond what rounding of the losses explains
};

// The largest relative error that counts as agreement.  Central differences in f64 with step 1e-5 are exact to about
// 1e-10 relative to the loss's curvature; sums over a batch and a small gradient beside a large loss lose some digits.
inline constexpr double kGradientTolerance = 1e-5;

// `module`: straight from the front end, with its train_step.  Parameters come from init with `seed`, the batch is made
// up.  Each parameter is moved in three random directions (Philox, `seed`).
Result<std::vector<GradientCheck>> check_gradients(const Module& module, uint64_t seed);

}  // namespace tarn
