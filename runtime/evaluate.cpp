// Saved weights + data -> loss and metrics: the loop of validation and test, and the `eval` command.
#include <algorithm>
#include <cmath>

#include "checkpoint.h"
#include "diverged.h"
#include "session.h"
#include "signals.h"
#include "text.h"

namespace tarn::runtime {

Error cannot_run(tarn_result result) {
  return Error{std::string("a step cannot be run: ") + tarn_result_text(result)};
}

Result<Outcome> evaluate(Session& session, const Split& split, Totals& totals) {
  Model& model = session.model;
  const tarn_entry& entry = session.program().eval_step;
  if (entry.run == nullptr) return Error{"the model has no loss, so there is nothing to evaluate"};
  totals.clear();
  for (int64_t first = 0; first < split.size(); first += model.batch()) {
    if (stop_signal() != 0) return Outcome::Stopped;
    int64_t count = std::min(model.batch(), split.size() - first);
    fill_batch(model, *split.table, split.rows.data(), first, count);
    tarn_result result = model.run(entry, session.profile.begin(entry, "eval_step"));
    session.profile.end();
    // The code of `eval_step` need not look; one row that holds NaN must not hide in a mean.
    if (result == TARN_DIVERGED || (result == TARN_OK && !std::isfinite(model.loss())))
      return Error{"the loss is not finite in evaluation: " +
                       explain_divergence(model, entry, {split.rows.data(), first, count}),
                   kDiverged};
    if (result != TARN_OK) return cannot_run(result);
    totals.add(model, count);
  }
  return Outcome::Complete;
}

std::string totals_text(const Model& model, const Totals& totals) {
  std::string text = format("loss %.4f", totals.mean_loss());
  for (size_t i = 0; i < totals.metrics.size(); ++i)
    text += std::string(", ") + model.metrics()[i]->name + " " +
            metric_text(model.metrics()[i]->name, totals.mean_metric(i));
  return text + format("  (%lld rows)", static_cast<long long>(totals.rows));
}

std::string weights_path(const Session& session) {
  return session.options.load.empty() ? std::string(session.name()) + ".safetensors" : session.options.load;
}

Status load_for_use(Session& session) {
  std::string path = weights_path(session);
  for (auto [hyper, value] : session.options.hypers) session.model.set_hyper(*hyper, value);
  bool has_weights = tarn_nth_of_role(&session.program(), TARN_PARAM, 0) != nullptr ||
                     tarn_nth_of_role(&session.program(), TARN_STATE, 0) != nullptr;
  session.model.set_ready();
  if (session.options.load.empty() && !has_weights) return Done{};
  if (session.options.load.empty() && !file_exists(path))
    return Error{"no weights: `--load FILE` names them (there is no " + path + " here)", kUsage};
  return load_weights(path, session.model);
}

Result<int> run_eval(Session& session) {
  const RunConfig& config = session.config;
  if (!config.data) return Error{"the model was compiled without data, so there is nothing to evaluate on"};
  if (Status status = load_for_use(session); !status) return status.error();
  const std::string& wanted = session.options.split;
  Want want = wanted.empty() || wanted == "test" ? Want::TestOnly : Want::All;
  if (!config.data->test.exists()) want = Want::All;
  Result<DataSets> data = load_data(*config.data, session.model, session.options.data, want);
  if (!data) return data.error();
  std::string name = !wanted.empty()               ? wanted
                     : config.data->test.exists()  ? "test"
                     : config.data->valid.exists() ? "valid"
                                                   : "train";
  const Split* split = name == "test" ? &data->test : name == "valid" ? &data->valid : &data->train;
  if (name != "test" && name != "valid" && name != "train")
    return Error{"`--split " + name + "`: expected test, valid or train", kUsage};
  if (split->size() == 0) return Error{"the data have no split `" + name + "`", kUsage};
  Totals totals(session.model.metrics().size());
  Result<Outcome> outcome = evaluate(session, *split, totals);
  if (!outcome) return outcome.error();
  if (*outcome == Outcome::Stopped) return Error{std::string("stopped by ") + stop_signal_name(), kStopped};
  session.progress.result(name + ": " + totals_text(session.model, totals));
  return kDone;
}

}  // namespace tarn::runtime
