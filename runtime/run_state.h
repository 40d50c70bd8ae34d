// Where a training run stands, beside the tensors: what a checkpoint must hold so that resuming is bit for bit.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model.h"

namespace tarn::runtime {

// Sums over rows; divide by `rows` for the means.
struct Totals {
  double loss = 0;
  std::vector<double> metrics;  // as Model::metrics
  int64_t rows = 0;

  explicit Totals(size_t metric_count = 0) : metrics(metric_count, 0.0) {}
  // Adds the batch that was just run.
  void add(const Model& model, int64_t count);
  void clear();
  double mean_loss() const { return rows > 0 ? loss / static_cast<double>(rows) : 0; }
  double mean_metric(size_t i) const { return rows > 0 ? metrics[i] / static_cast<double>(rows) : 0; }
};

struct RunState {
  int64_t epoch = 0;   // epochs done
  int64_t cursor = 0;  // batches done in this epoch
  int64_t epochs = 0, total_steps = 0, seed = 0;
  int64_t steps = 0;  // the run's length where it is not a number of epochs, else 0
  int64_t train_rows = 0;
  uint64_t data_hash = 0;
  Totals partial;  // since the last evaluation
  // Early stopping.
  bool has_best = false;
  double best_value = 0;
  int64_t best_epoch = 0;         // counted from 1; the step, where steps are evaluated
  int64_t epochs_since_best = 0;  // evaluations
  bool finished = false;
  // By input: what its class numbers stand for, a JSON list of names.  For readers of the file; not read back.
  std::vector<std::pair<std::string, std::string>> classes;
};

// A copy of the parameters and states, one after the other in the program's order.
class WeightCopy {
 public:
  void take(const Model& model);
  void put(Model& model) const;
  void swap(Model& model);
  bool empty() const { return bytes_.empty(); }
  void allocate(const Model& model);
  // Where a tensor's bytes stand; the tensor must be a parameter or state.
  unsigned char* place(const Model& model, const tarn_tensor& tensor);
  const unsigned char* place(const Model& model, const tarn_tensor& tensor) const;

 private:
  std::vector<unsigned char> bytes_;
};

}  // namespace tarn::runtime
