// One training run: rounds of steps, each ended by an evaluation (an epoch, if the model does not say otherwise), early
// stopping, checkpoints, the final test.
#pragma once

#include <string>
#include <vector>

#include "event_log.h"
#include "output_file.h"
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
  Status check_outputs() const;
  Status start_run();
  void set_length();
  Status resume();
  Status check_resumed(const RunState& saved);
  void announce();

  // trainer.cpp
  Result<Outcome> train_round();
  void begin_epoch();
  void end_epoch();
  Status run_step();
  void show_progress();
  bool is_over() const { return position() >= state_.total_steps; }
  bool at_round_end() const;
  int64_t position() const { return state_.epoch * batches() + state_.cursor; }  // steps done
  int64_t round_number() const;
  Error diverged(const tarn_entry& entry, int64_t first, int64_t count);
  Result<Outcome> finish_round();
  void judge_round(const Totals* valid, const Totals* test);
  Status report_round(const Totals* valid, const Totals* test, bool is_best);
  Result<Outcome> report_result();
  Result<int> finish_run();
  Result<int> stop();
  bool patience_is_over() const;
  bool keeps_best() const;
  int64_t batches() const;

  // trainer_save.cpp
  Status save();
  enum class SaveAt { Step, Round, Epoch };
  Status save_if_due(SaveAt when);
  Status keep_copy(const char* unit, int64_t number);
  Status check_finite() const;

  Session& session_;
  Model& model_;
  const TrainConfig* config_ = nullptr;
  DataSets data_;
  RunState state_;
  Totals last_round_;  // what training came to in the round before
  WeightCopy best_;
  EventLog log_;
  std::string save_path_;
  SaveLock save_lock_;
  std::vector<uint32_t> order_;
  int64_t steps_run_ = 0;         // by this process
  bool epoch_has_begun_ = false;  // order_ is of the current epoch
  double run_began_ = 0, trained_since_ = 0, round_began_ = 0;
  int64_t round_rows_ = 0;    // of this round, by this process
  double line_shown_ = -1e9;  // when a round's line was printed last
  double saved_at_ = 0, save_took_ = 0;
  bool saved_once_ = false;
  bool round_was_best_ = false;
};

}  // namespace tarn::runtime
