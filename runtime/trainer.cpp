// The loop of a training run: rounds of steps, evaluation, early stopping, the final test.
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
  if (!config_->early_stop) return false;
  return state_.epochs_since_best >= std::max<int64_t>(config_->early_stop->patience, 1);
}

Error Trainer::diverged(const tarn_entry& entry, int64_t first, int64_t count) {
  int64_t step = model_.scalar(TARN_STEP);
  BatchOrigin origin{order_.data(), first, count};
  std::string text = format("diverged at step %lld (epoch %lld): the loss is not finite\n  ",
                            static_cast<Big>(step) + 1, static_cast<Big>(state_.epoch) + 1) +
                     explain_divergence(model_, entry, origin);
  if (file_exists(save_path_) && (saved_once_ || !session_.options.resume.empty()))
    text += "\n  the last checkpoint is untouched: " + save_path_;
  (void)log_.write(Event("stop").add("reason", "diverged").add("step", step).add("message", text));
  return Error{text, kDiverged};
}

// Rounds end after so many epochs or steps, and with the run.
bool Trainer::at_round_end() const {
  if (is_over()) return true;
  const Interval& round = config_->evaluate;
  if (round.by_step) return position() % round.every == 0;
  return state_.cursor == batches() && (state_.epoch + 1) % round.every == 0;
}

void Trainer::begin_epoch() {
  order_epoch(data_.train, config_->shuffle, static_cast<uint64_t>(state_.seed), static_cast<uint32_t>(state_.epoch),
              order_);
  model_.set_scalar(TARN_EPOCH, state_.epoch);
  epoch_has_begun_ = true;
}

void Trainer::end_epoch() {
  ++state_.epoch;
  state_.cursor = 0;
  epoch_has_begun_ = false;
}

Status Trainer::run_step() {
  const tarn_entry& entry = session_.program().train_step;
  const Table& table = *data_.train.table;
  int64_t batch = model_.batch(), rows = data_.train.size();
  int64_t first = state_.cursor * batch, count = std::min(batch, rows - first);
  fill_batch(model_, table, order_.data(), first, count);
  prefetch_batch(table, order_.data(), first + count, std::min(batch, rows - first - count));
  tarn_result result = model_.run(entry, session_.profile.begin(entry, "train_step"));
  session_.profile.end();
  if (result == TARN_DIVERGED) return diverged(entry, first, count);
  if (result != TARN_OK) return cannot_run(result);
  state_.partial.add(model_, count);
  round_rows_ += count;
  ++state_.cursor;
  ++steps_run_;
  return Done{};
}

void Trainer::show_progress() {
  bool by_steps = state_.steps > 0;
  session_.progress.step(model_, {state_.epoch + 1, state_.epochs, by_steps ? position() : state_.cursor,
                                  by_steps ? state_.steps : batches(), !by_steps, state_.total_steps - position(),
                                  steps_run_, &state_.partial});
}

// Steps up to the next evaluation, or none where a run was stopped there.  Nothing here allocates.
Result<Outcome> Trainer::train_round() {
  round_began_ = now_seconds();
  round_rows_ = 0;
  bool is_complete = state_.partial.rows > 0 && at_round_end();
  while (!is_complete) {
    if (stop_signal() != 0) return Outcome::Stopped;
    if (state_.cursor == batches()) {
      end_epoch();
      if (Status status = save_if_due(SaveAt::Epoch); !status) return status.error();
    }
    if (!epoch_has_begun_) begin_epoch();
    if (Status status = run_step(); !status) return status.error();
    show_progress();
    if (Status status = save_if_due(SaveAt::Step); !status) return status.error();
    is_complete = at_round_end();
  }
  return Outcome::Complete;
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

int64_t Trainer::round_number() const {
  return config_->evaluate.by_step ? position() : state_.epoch + 1;
}

// Every round goes to the log; of many short ones, the screen shows two a second and each twentieth of the run.
Status Trainer::report_round(const Totals* valid, const Totals* test, bool is_best) {
  double now = now_seconds(), seconds = now - round_began_;
  const Interval& round = config_->evaluate;
  Event event(round.by_step ? "evaluate" : "epoch");
  event.add("epoch", state_.epoch + 1).add("step", model_.scalar(TARN_STEP));
  add_totals(event, model_, "", state_.partial);
  if (valid != nullptr) add_totals(event, model_, "valid_", *valid);
  if (test != nullptr) add_totals(event, model_, "test_", *test);
  event.add("seconds", seconds).add("rows_per_second", static_cast<double>(round_rows_) / std::max(seconds, 1e-9));
  if (Status status = log_.write(event); !status) return status;
  int64_t number = round_number(), last = round.by_step ? state_.total_steps : state_.epochs;
  int64_t twentieth = std::max<int64_t>((last / round.every + 19) / 20, 1);
  bool is_shown = number / round.every % twentieth == 0 || number == last;
  if (!is_shown && now - line_shown_ < 0.5) return Done{};
  line_shown_ = now;
  std::string text =
      format("%s %*lld/%lld", round.by_step ? "step" : "epoch", static_cast<int>(std::to_string(last).size()),
             static_cast<Big>(number), static_cast<Big>(last));
  text += "  " + totals_columns(model_, state_.partial);
  if (valid != nullptr) text += "  valid: " + totals_columns(model_, *valid);
  if (test != nullptr) text += "  test: " + totals_columns(model_, *test);
  text += format("  %.1f s%s", seconds, is_best ? "  best" : "");
  session_.progress.line(text);
  return Done{};
}

// Updates the early-stop state with the round that just ended.
void Trainer::judge_round(const Totals* valid, const Totals* test) {
  round_was_best_ = false;
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
  state_.has_best = round_was_best_ = true;
  state_.best_value = value;
  state_.best_epoch = round_number();
  state_.epochs_since_best = 0;
  if (stop.keep_best) best_.take(model_);
}

// Validation, the verdict, the round's line, a checkpoint.
Result<Outcome> Trainer::finish_round() {
  Totals valid(model_.metrics().size()), test(model_.metrics().size());
  bool watch_test = config_->early_stop && config_->early_stop->split == "test";
  const Totals* valid_seen = data_.valid.size() > 0 ? &valid : nullptr;
  const Totals* test_seen = watch_test ? &test : nullptr;
  for (auto [split, totals] : {std::pair(&data_.valid, &valid), std::pair(&data_.test, &test)}) {
    if (totals != valid_seen && totals != test_seen) continue;
    Result<Outcome> outcome = evaluate(session_, *split, *totals);
    if (!outcome || *outcome == Outcome::Stopped) return outcome;
  }
  judge_round(valid_seen, test_seen);
  if (Status status = report_round(valid_seen, test_seen, round_was_best_); !status) return status.error();
  bool ends_epoch = state_.cursor == batches();
  if (ends_epoch) end_epoch();
  last_round_ = state_.partial;
  state_.partial.clear();
  if (Status status = save_if_due(SaveAt::Round); !status) return status.error();
  if (!ends_epoch) return Outcome::Complete;
  if (Status status = save_if_due(SaveAt::Epoch); !status) return status.error();
  return Outcome::Complete;
}

Result<int> Trainer::stop() {
  if (Status status = save(); !status) return status.error();
  Event event("stop");
  event.add("reason", std::string(stop_signal_name())).add("step", model_.scalar(TARN_STEP));
  if (Status status = log_.write(event); !status) return status.error();
  if (Status status = session_.profile.write(); !status) return status.error();
  session_.progress.line(format("stopped by %s at step %lld; go on with `--resume %s`", stop_signal_name(),
                                static_cast<Big>(model_.scalar(TARN_STEP)), save_path_.c_str()));
  return kStopped;
}

// What the finished weights are worth, for somebody who sees nothing else: on the test split; without one on the
// validation rows; without those what training came to last.
Result<Outcome> Trainer::report_result() {
  bool has_test = data_.test.size() > 0;
  const Split& split = has_test ? data_.test : data_.valid;
  if (split.size() == 0) {
    if (last_round_.rows > 0) session_.progress.result("train: " + totals_text(model_, last_round_));
    return Outcome::Complete;
  }
  Totals totals(model_.metrics().size());
  Result<Outcome> outcome = evaluate(session_, split, totals);
  if (!outcome || *outcome == Outcome::Stopped) return outcome;
  session_.progress.result((has_test ? "test: " : "valid: ") + totals_text(model_, totals));
  if (!has_test) return outcome;
  Event event("test");
  event.add("rows", totals.rows).add("step", model_.scalar(TARN_STEP));
  add_totals(event, model_, "", totals);
  if (Status status = log_.write(event); !status) return status.error();
  return outcome;
}

// The best weights take the plain names, the run is saved for good, and the test split is run.
Result<int> Trainer::finish_run() {
  if (Status status = check_finite(); !status) return status.error();
  if (config_->early_stop) {
    if (patience_is_over() && !is_over())
      session_.progress.line(format("%s %s for %lld %s: stopping early",
                                    state_.has_best ? "no better" : "no finite value of",
                                    config_->early_stop->metric.c_str(), static_cast<Big>(state_.epochs_since_best),
                                    config_->evaluate.by_step ? "evaluations" : "epochs"));
    if (!best_.empty()) {
      best_.swap(model_);
      session_.progress.line(format("keeping the weights of %s %lld, the best",
                                    config_->evaluate.by_step ? "step" : "epoch", static_cast<Big>(state_.best_epoch)));
    }
  }
  state_.finished = true;
  if (Status status = save(); !status) return status.error();
  double seconds = std::max(now_seconds() - trained_since_, 1e-9);
  session_.progress.line(format("saved %s after %lld steps, %.1f s, %s rows/s", save_path_.c_str(),
                                static_cast<Big>(model_.scalar(TARN_STEP)), seconds,
                                short_number(static_cast<double>(steps_run_ * model_.batch()) / seconds).c_str()));
  Result<Outcome> outcome = report_result();
  if (!outcome) return outcome.error();
  if (*outcome == Outcome::Stopped) return kStopped;
  if (session_.profile.on()) {
    session_.progress.line(session_.profile.table());
    if (Status status = session_.profile.write(); !status) return status.error();
  }
  Event event("stop");
  event.add("reason", is_over() ? "done" : "early").add("step", model_.scalar(TARN_STEP));
  event.add("seconds", now_seconds() - run_began_);
  if (Status status = log_.write(event); !status) return status.error();
  return kDone;
}

Result<int> Trainer::run() {
  run_began_ = now_seconds();
  if (Status status = set_up(); !status) return status.error();
  trained_since_ = now_seconds();
  while (!(is_over() && state_.partial.rows == 0) && !patience_is_over() && !state_.finished) {
    Result<Outcome> outcome = train_round();
    if (outcome && *outcome == Outcome::Complete) outcome = finish_round();
    if (!outcome) return outcome.error();
    if (*outcome == Outcome::Stopped) return stop();
  }
  return finish_run();
}

Result<int> run_train(Session& session) {
  return Trainer(session).run();
}

}  // namespace tarn::runtime
