// The loop of a training run: epochs of steps, validation, early stopping, the final test.
#include "trainer.h"

#include <algorithm>
#include <cmath>

#include "diverged.h"
#include "signals.h"
#include "text.h"

namespace tarn::runtime {

using Big = long long;

int64_t Trainer::batches() const {
  return (data_.train.size() + model_.batch() - 1) / model_.batch();
}

bool Trainer::patience_is_over() const {
  if (!config_->early_stop || !state_.has_best) return false;
  return state_.epochs_since_best >= std::max<int64_t>(config_->early_stop->patience, 1);
}

Error Trainer::diverged(const tarn_entry& entry, int64_t first, int64_t count) {
  int64_t step = model_.scalar(TARN_STEP);
  BatchOrigin origin{order_.data(), first, count};
  std::string text = format("diverged at step %lld (epoch %lld): the loss is not finite\n  ",
                            static_cast<Big>(step + 1), static_cast<Big>(state_.epoch + 1)) +
                     explain_divergence(model_, entry, origin);
  if (file_exists(save_path_) && (saved_once_ || !session_.options.resume.empty()))
    text += "\n  the last checkpoint is untouched: " + save_path_;
  (void)log_.write(Event("stop").add("reason", "diverged").add("step", step).add("message", text));
  return Error{text, kDiverged};
}

// The epoch's batches from the cursor on.  Nothing here allocates.
Result<Outcome> Trainer::train_epoch() {
  const tarn_entry& entry = session_.program().train_step;
  const Table& table = *data_.train.table;
  order_epoch(data_.train, config_->shuffle, static_cast<uint64_t>(state_.seed), static_cast<uint32_t>(state_.epoch),
              order_);
  model_.scalar(TARN_EPOCH) = state_.epoch;
  epoch_began_ = now_seconds();
  epoch_first_batch_ = state_.cursor;
  int64_t batch = model_.batch(), batch_count = batches(), rows = data_.train.size();
  while (state_.cursor < batch_count) {
    if (stop_signal() != 0) return Outcome::kStopped;
    int64_t first = state_.cursor * batch, count = std::min(batch, rows - first);
    fill_batch(model_, table, order_.data(), first, count);
    prefetch_batch(table, order_.data(), first + count, std::min(batch, rows - first - count));
    session_.profile.begin(*session_.team, entry, "train_step");
    int32_t code = session_.team->run(entry, model_.arena());
    session_.profile.end(*session_.team);
    if (code != 0) return diverged(entry, first, count);
    state_.partial.add(model_, count);
    ++state_.cursor;
    ++steps_run_;
    int64_t steps_left = (state_.epochs - state_.epoch) * batch_count - state_.cursor;
    session_.progress.step(
        model_, {state_.epoch + 1, state_.epochs, state_.cursor, batch_count, steps_left, steps_run_, &state_.partial});
    if (Status status = save_if_due(false); !status) return status.error();
  }
  return Outcome::kComplete;
}

static void add_totals(Event& event, const Model& model, const std::string& prefix, const Totals& totals) {
  event.add(prefix + "loss", totals.mean_loss());
  for (size_t i = 0; i < totals.metrics.size(); ++i)
    event.add(prefix + model.metrics()[i]->name, totals.mean_metric(i));
}

// "loss 0.0812  accuracy 97.52 %"
static std::string totals_columns(const Model& model, const Totals& totals) {
  std::string text = format("loss %.4f", totals.mean_loss());
  for (size_t i = 0; i < totals.metrics.size(); ++i)
    text += std::string("  ") + model.metrics()[i]->name + " " +
            metric_text(model.metrics()[i]->name, totals.mean_metric(i));
  return text;
}

// Every epoch goes to the log; of many short ones, the screen shows two a second and each twentieth of the run.
Status Trainer::report_epoch(const Totals* valid, const Totals* test, bool is_best) {
  double now = now_seconds(), seconds = now - epoch_began_;
  int64_t number = state_.epoch + 1;
  double rows =
      static_cast<double>(std::min((state_.cursor - epoch_first_batch_) * model_.batch(), data_.train.size()));
  Event event("epoch");
  event.add("epoch", number).add("step", model_.scalar(TARN_STEP));
  add_totals(event, model_, "", state_.partial);
  if (valid != nullptr) add_totals(event, model_, "valid_", *valid);
  if (test != nullptr) add_totals(event, model_, "test_", *test);
  event.add("seconds", seconds).add("rows_per_second", rows / std::max(seconds, 1e-9));
  if (Status status = log_.write(event); !status) return status;
  int64_t twentieth = std::max<int64_t>((state_.epochs + 19) / 20, 1);
  if (number % twentieth != 0 && number != state_.epochs && now - line_shown_ < 0.5) return Done{};
  line_shown_ = now;
  std::string text = format("epoch %*lld/%lld", static_cast<int>(std::to_string(state_.epochs).size()),
                            static_cast<Big>(number), static_cast<Big>(state_.epochs));
  text += "  " + totals_columns(model_, state_.partial);
  if (valid != nullptr) text += "  valid: " + totals_columns(model_, *valid);
  if (test != nullptr) text += "  test: " + totals_columns(model_, *test);
  text += format("  %.1f s%s", seconds, is_best ? "  best" : "");
  session_.progress.line(text);
  return Done{};
}

// Updates the early-stop state with the epoch that just ended.
void Trainer::judge_epoch(const Totals* valid, const Totals* test) {
  epoch_was_best_ = false;
  if (!config_->early_stop) return;
  const EarlyStopConfig& stop = *config_->early_stop;
  const Totals& totals = stop.split == "valid" ? *valid : stop.split == "test" ? *test : state_.partial;
  double value = totals.mean_loss();
  for (size_t i = 0; i < totals.metrics.size(); ++i)
    if (stop.metric == model_.metrics()[i]->name) value = totals.mean_metric(i);
  bool better = std::isfinite(value) &&
                (!state_.has_best || (stop.larger_is_better ? value > state_.best_value : value < state_.best_value));
  if (!better) {
    ++state_.epochs_since_best;
    return;
  }
  state_.has_best = epoch_was_best_ = true;
  state_.best_value = value;
  state_.best_epoch = state_.epoch + 1;
  state_.epochs_since_best = 0;
  if (stop.keep_best) best_.take(model_);
}

// Validation, the verdict, the epoch's line, the next epoch's state, a checkpoint.
Result<Outcome> Trainer::finish_epoch() {
  Totals valid(model_.metrics().size()), test(model_.metrics().size());
  bool watch_test = config_->early_stop && config_->early_stop->split == "test";
  const Totals* valid_seen = data_.valid.size() > 0 ? &valid : nullptr;
  const Totals* test_seen = watch_test ? &test : nullptr;
  for (auto [split, totals] : {std::pair(&data_.valid, &valid), std::pair(&data_.test, &test)}) {
    if (totals != valid_seen && totals != test_seen) continue;
    Result<Outcome> outcome = evaluate(session_, *split, *totals);
    if (!outcome || *outcome == Outcome::kStopped) return outcome;
  }
  judge_epoch(valid_seen, test_seen);
  if (Status status = report_epoch(valid_seen, test_seen, epoch_was_best_); !status) return status.error();
  ++state_.epoch;
  state_.cursor = 0;
  state_.partial.clear();
  if (Status status = save_if_due(true); !status) return status.error();
  return Outcome::kComplete;
}

Result<int> Trainer::stop() {
  if (Status status = save(); !status) return status.error();
  Event event("stop");
  event.add("reason", std::string(stop_signal_name())).add("step", model_.scalar(TARN_STEP));
  if (Status status = log_.write(event); !status) return status.error();
  if (Status status = session_.profile.write(); !status) return status.error();
  session_.progress.line(format("stopped by %s at step %lld; go on with `--resume %s`", stop_signal_name(),
                                static_cast<Big>(model_.scalar(TARN_STEP)), save_path_.c_str()));
  return int{kStopped};
}

// The best weights take the plain names, the run is saved for good, and the test split is run.
Result<int> Trainer::finish_run() {
  if (Status status = check_finite(); !status) return status.error();
  if (state_.has_best && config_->early_stop) {
    if (patience_is_over() && state_.epoch < state_.epochs)
      session_.progress.line(format("no better %s for %lld epochs: stopping early", config_->early_stop->metric.c_str(),
                                    static_cast<Big>(state_.epochs_since_best)));
    if (!best_.empty()) {
      best_.swap(model_);
      session_.progress.line(
          format("keeping the weights of epoch %lld, the best", static_cast<Big>(state_.best_epoch)));
    }
  }
  state_.finished = true;
  if (Status status = save(); !status) return status.error();
  double seconds = std::max(now_seconds() - trained_since_, 1e-9);
  session_.progress.line(format("saved %s after %lld steps, %.1f s, %s rows/s", save_path_.c_str(),
                                static_cast<Big>(model_.scalar(TARN_STEP)), seconds,
                                short_number(static_cast<double>(steps_run_ * model_.batch()) / seconds).c_str()));
  if (data_.test.size() > 0) {
    Totals totals(model_.metrics().size());
    Result<Outcome> outcome = evaluate(session_, data_.test, totals);
    if (!outcome) return outcome.error();
    if (*outcome == Outcome::kStopped) return int{kStopped};
    session_.progress.result("test: " + totals_text(model_, totals));
    Event event("test");
    event.add("rows", totals.rows).add("step", model_.scalar(TARN_STEP));
    add_totals(event, model_, "", totals);
    if (Status status = log_.write(event); !status) return status.error();
  }
  if (session_.profile.on()) {
    session_.progress.line(session_.profile.table());
    if (Status status = session_.profile.write(); !status) return status.error();
  }
  Event event("stop");
  event.add("reason", state_.epoch < state_.epochs ? "early" : "done").add("step", model_.scalar(TARN_STEP));
  event.add("seconds", now_seconds() - run_began_);
  if (Status status = log_.write(event); !status) return status.error();
  return int{kDone};
}

Result<int> Trainer::run() {
  run_began_ = now_seconds();
  if (Status status = set_up(); !status) return status.error();
  trained_since_ = now_seconds();
  while (state_.epoch < state_.epochs && !patience_is_over() && !state_.finished) {
    Result<Outcome> outcome = train_epoch();
    if (outcome && *outcome == Outcome::kComplete) outcome = finish_epoch();
    if (!outcome) return outcome.error();
    if (*outcome == Outcome::kStopped) return stop();
  }
  return finish_run();
}

Result<int> run_train(Session& session) {
  return Trainer(session).run();
}

}  // namespace tarn::runtime
