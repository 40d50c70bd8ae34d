// The nets whose training PyTorch recorded (records/*.json), and the comparison of a runner with its record.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/oracle/oracle_data.h"
#include "tests/oracle/runner.h"

namespace tarn::oracle {

struct RecordedParameter {
  ParameterSpec spec;
  double gradient_norm;                      // of step 1
  std::vector<double> gradient_projections;  // project() of it
  double norm;                               // after the last step
};

struct Case {
  std::string name;
  std::string source;  // the model file, from the root of the repository
  int64_t batch;
  int steps;
  double gradients_within, losses_within;  // what the machine code must reach
  std::vector<InputSpec> inputs;
  std::vector<RecordedParameter> parameters;
  std::vector<double> losses, losses_f64;  // before each update; PyTorch in f32 and in f64
  std::string parameters_fnv1a, first_batch_fnv1a;

  // A net small enough to be run in each way that there is.
  bool is_small() const { return steps >= 100; }
};
const std::vector<Case>& all_cases();

// Checks this side's weights and first batch against the checksums of the record.
void check_data(const Case& net);

// Largest relative distances, by norm for each parameter, between a runner and the record.  A gradient's distance is
// estimated from its projections.
struct Distance {
  double gradients = 0;   // of step 1, over the parameters
  double losses = 0;      // over the steps
  double parameters = 0;  // norms after the last step; 0 where fewer were run
};
Distance distance(const Case& net, const std::function<std::unique_ptr<Runner>(Module)>& make, int steps,
                  const std::vector<double>& losses);

}  // namespace tarn::oracle
