// The three nets whose training PyTorch recorded, and the comparison of a runner with its record.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/oracle/oracle_data.h"
#include "tests/oracle/runner.h"

namespace tarn::oracle {

struct Case {
  std::string name;  // of NAME.tarn and NAME.safetensors
  std::vector<Layer> layers;
  int64_t batch;
  std::function<void(Runner&, int64_t step, int64_t batch)> feed;
};
const std::vector<Case>& all_cases();

// Checks this side's weights and first batch against the checksums of the record.
void check_data(const Case& net);

// Largest relative distances, by norm for each parameter, between a runner and the record.
struct Distance {
  double gradients = 0;   // of step 1, over the parameters
  double losses = 0;      // over the steps
  double parameters = 0;  // norms after 100 steps; 0 where fewer were run
};
// `reference`: "losses" (PyTorch in f32) or "losses.f64".
Distance distance(const Case& net, const std::function<std::unique_ptr<Runner>(Module)>& make, int steps,
                  const std::string& reference);

}  // namespace tarn::oracle
