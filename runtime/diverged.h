// A loss that is not finite -> the first op that made a value that is not, with its source line.
#pragma once

#include <string>

#include "data/data.h"
#include "model.h"

namespace tarn::runtime {

// The batch that is set: to name a data row.
struct BatchOrigin {
  const uint32_t* rows;  // as in fill_batch
  int64_t first, count;
};

// Call right after `entry` has diverged, with everything as it left it: looks at the inputs and at everything
// persistent, then runs the same step again and looks at each kernel's outputs.  The step is a pure function of the
// arena, so the second run makes the same values.
std::string explain_divergence(Model& model, const tarn_entry& entry, const BatchOrigin& origin);

// "parameter `fc1.w` (element 3)" for the first persistent tensor that is not finite, or "".
std::string find_bad_parameter(const Model& model);

}  // namespace tarn::runtime
