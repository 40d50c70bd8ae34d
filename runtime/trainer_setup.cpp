// The part of a training run before its first step: config, outputs, data, fresh or resumed state.
#include <dirent.h>

#include <algorithm>
#include <ctime>

#include "checkpoint.h"
#include "diverged.h"
#include "text.h"
#include "trainer.h"

namespace tarn::runtime {

using Big = long long;

Trainer::Trainer(Session& session) : session_(session), model_(session.model) {
  state_.partial = Totals(model_.metrics().size());
}

Status Trainer::check_config() const {
  const RunConfig& config = session_.config;
  if (!config.train || session_.program().train_step.run == nullptr)
    return Error{"the model was compiled without a `train` block, so it cannot be trained"};
  if (!config.data) return Error{"the model was compiled without data, so it cannot be trained by this program"};
  if (config.train->early_stop) {
    const EarlyStopConfig& stop = *config.train->early_stop;
    bool known = stop.metric == "loss" || model_.find(TARN_METRIC, stop.metric) != nullptr;
    if (!known) return Error{"early_stop watches `" + stop.metric + "`, which is no metric of the model"};
    if ((stop.split == "valid" && !config.data->valid.exists()) ||
        (stop.split == "test" && !config.data->test.exists()))
      return Error{"early_stop watches the split `" + stop.split + "`, which the data do not have"};
  }
  if (!session_.options.resume.empty() && !session_.options.load.empty())
    return Error{"`--resume` and `--load` exclude each other: one goes on with a run, one starts a new run", kUsage};
  return Done{};
}

bool Trainer::keeps_best() const {
  return config_->early_stop && config_->early_stop->keep_best;
}

Status Trainer::open_outputs() {
  const Options& options = session_.options;
  save_path_ = !options.save.empty()     ? options.save
               : !options.resume.empty() ? options.resume
                                         : std::string(session_.name()) + ".safetensors";
  if (Status status = check_outputs(); !status) return status;
  int64_t kept = config_->checkpoint ? config_->checkpoint->keep : 1;
  if (Status status = check_writable(save_path_, checkpoint_bytes(model_, keeps_best()), kept); !status) return status;
  if (Status status = save_lock_.take(save_path_); !status) return status;
  if (!options.log.empty())
    if (Status status = log_.open(options.log, !options.resume.empty()); !status) return status;
  if (!options.profile.empty()) return session_.profile.start(options.profile);
  return Done{};
}

// Nothing that the run reads, and no file of another kind, is written over.  A file to resume is the run's own.
Status Trainer::check_outputs() const {
  const Options& options = session_.options;
  RunFiles files;
  for (const std::string& path : data_files(*session_.config.data, options.data)) files.reads(path, "data");
  if (!options.load.empty()) files.reads(options.load, "--load");
  if (save_path_ != options.resume)
    if (Status status = files.writes(save_path_, kCheckpointFile, "--save"); !status) return status;
  if (save_path_ == options.resume) files.reads(save_path_, "--resume");
  if (!options.log.empty())
    if (Status status = files.writes(options.log, kLogFile, "--log"); !status) return status;
  if (options.profile.empty()) return Done{};
  return files.writes(options.profile, kTraceFile, "--profile");
}

// FILE.epoch-7 and FILE.step-700 beside FILE, newest (largest number) first.
static std::vector<std::string> older_checkpoints(const std::string& path) {
  std::vector<std::pair<int64_t, std::string>> found;
  size_t slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  for (const char* unit : {".epoch-", ".step-"}) {
    Result<std::vector<std::string>> names = find_files(directory, name + unit + "*");
    if (!names) continue;
    for (const std::string& candidate : *names) {
      int64_t number = 0;
      if (parse_int(candidate.substr(name.size() + std::string(unit).size()), &number))
        found.emplace_back(number, join_path(directory, candidate));
    }
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<std::string> paths;
  for (const auto& [number, candidate] : found) paths.push_back(candidate);
  return paths;
}

Status Trainer::check_resumed(const RunState& saved) {
  if (saved.train_rows != data_.train.size() || saved.data_hash != state_.data_hash)
    return Error{format(
        "%s: was trained on other data (%lld training rows there, %lld here%s); `--load` starts a new "
        "run from its weights",
        session_.options.resume.c_str(), static_cast<Big>(saved.train_rows), static_cast<Big>(data_.train.size()),
        saved.train_rows == data_.train.size() ? ", with other values" : "")};
  if (saved.cursor > batches() || saved.epoch > saved.epochs)
    return Error{session_.options.resume + ": its position in the run is out of range"};
  return Done{};
}

Status Trainer::resume() {
  std::vector<std::string> paths = older_checkpoints(session_.options.resume);
  paths.insert(paths.begin(), session_.options.resume);
  RunState saved;
  Error first_error;
  for (size_t i = 0; i < paths.size(); ++i) {
    saved = RunState();
    saved.partial = Totals(model_.metrics().size());
    std::optional<ResumeError> failed = load_run(paths[i], model_, saved, best_);
    if (!failed) {
      if (i > 0) session_.progress.warning(session_.name(), first_error.message + "; going on from " + paths[i]);
      break;
    }
    if (i == 0) first_error = failed->error;
    if (!failed->is_damaged) return failed->error;
    if (i + 1 == paths.size()) return first_error;
  }
  if (Status status = check_resumed(saved); !status) return status;
  saved.seed = session_.options.seed.value_or(saved.seed);
  saved.classes = state_.classes;
  state_ = saved;
  return Done{};
}

// The length that the flags, the resumed run or the model gives, in steps and in epochs begun.
void Trainer::set_length() {
  const Options& options = session_.options;
  if (options.epochs) state_.steps = 0;
  state_.epochs = options.epochs.value_or(state_.epochs);
  state_.steps = options.steps.value_or(state_.steps);
  int64_t per_epoch = std::max<int64_t>(batches(), 1);
  if (state_.steps > 0) state_.epochs = (state_.steps + per_epoch - 1) / per_epoch;
  state_.total_steps = state_.steps > 0 ? state_.steps : batches() * state_.epochs;
  if (!is_over()) state_.finished = false;
}

// Parameters, hypers, seed and position: made afresh, or read.
Status Trainer::start_run() {
  const Options& options = session_.options;
  state_.train_rows = data_.train.size();
  state_.data_hash = fingerprint(data_.train);
  for (const ClassNames& classes : data_.class_names)
    state_.classes.emplace_back(classes.tensor->name, json_list(classes.names));
  state_.epochs = config_->epochs;
  state_.steps = config_->steps;
  state_.seed = options.seed.value_or(config_->seed);
  model_.set_scalar(TARN_SEED, state_.seed);
  if (tarn_result result = model_.run(session_.program().init); result != TARN_OK) return cannot_run(result);
  if (!options.load.empty())
    if (Status status = load_weights(options.load, model_); !status) return status;
  if (!options.resume.empty())
    if (Status status = resume(); !status) return status;
  for (auto [hyper, value] : options.hypers) model_.set_hyper(*hyper, value);
  set_length();
  model_.set_scalar(TARN_SEED, state_.seed);
  model_.set_scalar(TARN_TOTAL_STEPS, state_.total_steps);
  if (std::string bad = find_bad_parameter(model_); !bad.empty()) return Error{"at the start, " + bad, kDiverged};
  order_.resize(static_cast<size_t>(data_.train.size()));
  return Done{};
}

void Trainer::announce() {
  Progress& progress = session_.progress;
  std::string rows = format("%lld rows to train on", static_cast<Big>(data_.train.size()));
  if (data_.valid.size() > 0) rows += format(", %lld to validate", static_cast<Big>(data_.valid.size()));
  if (data_.test.size() > 0) rows += format(", %lld to test", static_cast<Big>(data_.test.size()));
  auto steps = static_cast<Big>(batches());
  std::string length = state_.steps > 0 ? format("%lld steps, %lld an epoch", static_cast<Big>(state_.steps), steps)
                                        : format("%lld epoch%s of %lld steps", static_cast<Big>(state_.epochs),
                                                 state_.epochs == 1 ? "" : "s", steps);
  progress.line(format("%s: %s; %s, seed %lld, %u thread%s", session_.name(), rows.c_str(), length.c_str(),
                       static_cast<Big>(state_.seed), session_.team->threads(),
                       session_.team->threads() == 1 ? "" : "s"));
  for (const std::string& note : data_.notes) progress.line(note);
  if (!session_.options.resume.empty())
    progress.line(format("resumed at step %lld, epoch %lld of %lld", static_cast<Big>(model_.scalar(TARN_STEP)),
                         static_cast<Big>(std::min(state_.epoch + 1, state_.epochs)), static_cast<Big>(state_.epochs)));
  else if (file_exists(save_path_))
    progress.line(save_path_ + " exists and will be replaced");
}

Status Trainer::set_up() {
  if (Status status = check_config(); !status) return status;
  config_ = &*session_.config.train;
  if (Status status = open_outputs(); !status) return status;
  Result<DataSets> data = load_data(*session_.config.data, model_, session_.options.data, Want::All);
  if (!data) return data.error();
  data_ = std::move(*data);
  if (Status status = start_run(); !status) return status;
  announce();
  Event event("start");
  event.add("model", std::string(session_.name())).add("time", static_cast<int64_t>(time(nullptr)));
  event.add("seed", state_.seed)
      .add("epochs", state_.epochs)
      .add("steps", state_.total_steps)
      .add("batch", model_.batch());
  event.add("threads", static_cast<int64_t>(session_.team->threads())).add("train_rows", data_.train.size());
  event.add("valid_rows", data_.valid.size()).add("test_rows", data_.test.size());
  event.add("step", model_.scalar(TARN_STEP)).add("epoch", state_.epoch);
  for (const tarn_tensor* hyper : model_.hypers()) event.add(std::string("hyper.") + hyper->name, model_.hyper(*hyper));
  return log_.write(event);
}

}  // namespace tarn::runtime
