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

// A running statistic after the last step.
struct RecordedState {
  std::string path;
  double norm;
  std::vector<double> projections;
};

struct Case {
  std::string name;
  std::string source;  // the model file, from the root of the repository
  int64_t batch;
  int64_t first_batch;  // the number of the first step's batch
  int steps;
  double gradients_within, losses_within;  // what the machine code must reach
  std::vector<InputSpec> inputs;
  std::vector<RecordedParameter> parameters;
  std::vector<RecordedState> states;
  std::vector<std::string> loss_names;                  // the reported one first
  std::vector<std::vector<double>> losses, losses_f64;  // of each loss before each update; PyTorch in f32 and in f64
  std::string parameters_fnv1a, first_batch_fnv1a;

  // A net small enough to be run in each way that there is.
  bool is_small() const { return steps >= 100; }
};
const std::vector<Case>& all_cases();

// Checks this side's weights and first batch against the checksums of the record.
void check_data(const Case& net);

// Largest relative distances, by norm for each parameter, between a runner and the record.  The distances of
// gradients and states are estimated from projections.
struct Distance {
  double gradients = 0;   // of step 1, over the parameters
  double losses = 0;      // over the steps
  double parameters = 0;  // norms after the last step; 0 where fewer were run
  double states = 0;      // likewise, of the difference
};
Distance distance(const Case& net, const std::function<std::unique_ptr<Runner>(Module)>& make, int steps,
                  const std::vector<std::vector<double>>& losses);

}  // namespace tarn::oracle
