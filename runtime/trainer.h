// One training run: epochs of steps, validation, early stopping, checkpoints, the final test.
#pragma once

#include <string>
#include <vector>

#include "event_log.h"
#include "session.h"

namespace tarn::runtime {

class Trainer {
 public:
  explicit Trainer(Session& session);
  // Returns the exit code; every failure is an error.
  Result<int> run();

 private:
  // trainer_setup.cpp: everything that can go wrong goes wrong here, before the first step.
  Status set_up();
  Status check_config() const;
  Status open_outputs();
  Status start_run();
  Status resume();
  Status check_resumed(const RunState& saved);
  void announce();

  // trainer.cpp
  Result<Outcome> train_epoch();
  Error diverged(const tarn_entry& entry, int64_t first, int64_t count);
  Result<Outcome> finish_epoch();
  void judge_epoch(const Totals* valid, const Totals* test);
  Status report_epoch(const Totals* valid, const Totals* test, bool is_best);
  Result<int> finish_run();
  Result<int> stop();
  bool patience_is_over() const;
  bool keeps_best() const;
  int64_t batches() const;

  // trainer_save.cpp
  Status save();
  Status save_if_due(bool end_of_epoch);
  Status keep_copy(const char* unit, int64_t number);
  Status check_finite() const;

  Session& session_;
  Model& model_;
  const TrainConfig* config_ = nullptr;
  DataSets data_;
  RunState state_;
  WeightCopy best_;
  EventLog log_;
  std::string save_path_;
  std::vector<uint32_t> order_;
  int64_t steps_run_ = 0;  // by this process
  double run_began_ = 0, trained_since_ = 0, epoch_began_ = 0;
  int64_t epoch_first_batch_ = 0;  // where this process took the epoch up
  double line_shown_ = -1e9;       // when an epoch's line was printed last
  double saved_at_ = 0, save_took_ = 0;
  bool saved_once_ = false;
  bool epoch_was_best_ = false;
};

}  // namespace tarn::runtime
