// When and how a training run saves itself.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "checkpoint.h"
#include "diverged.h"
#include "text.h"
#include "trainer.h"

namespace tarn::runtime {

// A step's loss may be finite while its update is not: such weights must not replace good ones.
Status Trainer::check_finite() const {
  std::string bad = find_bad_parameter(model_);
  if (bad.empty()) return Done{};
  return Error{format("diverged: after step %lld, %s, made by an update (a smaller learning rate, or `clip_norm`, may "
                      "help); nothing was saved since",
                      static_cast<long long>(model_.scalar(TARN_STEP)), bad.c_str()),
               kDiverged};
}

Status Trainer::save() {
  if (Status status = check_finite(); !status) return status;
  double began = now_seconds();
  if (Status status = save_checkpoint(save_path_, model_, state_, best_); !status) return status;
  saved_at_ = now_seconds();
  save_took_ = saved_at_ - began;
  saved_once_ = true;
  return log_.write(
      Event("save").add("file", save_path_).add("step", model_.scalar(TARN_STEP)).add("epoch", state_.epoch));
}

// FILE.epoch-N (or .step-N): a second name of the file that was just saved (of what FILE leads to, where it is a link);
// a copy where the file system has no links.  Then the one that is `keep` back goes.
Status Trainer::keep_copy(const char* unit, int64_t number) {
  std::string path = save_path_ + "." + unit + "-" + std::to_string(number);
  if (file_exists(path) && !is_of_kind(path, kCheckpointFile))
    return Error{path + ": is there already and is not " + kCheckpointFile.name + ", so no checkpoint is kept there"};
  unlink(path.c_str());
  if (linkat(AT_FDCWD, save_path_.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0)
    if (Status status = save_checkpoint(path, model_, state_, best_); !status) return status;
  int64_t oldest = number - config_->checkpoint->keep * config_->checkpoint->every;
  path = save_path_ + "." + unit + "-" + std::to_string(oldest);
  if (oldest > 0 && is_of_kind(path, kCheckpointFile)) unlink(path.c_str());
  return Done{};
}

// Without a `checkpoint` in the config: after every evaluation, unless saving would take more than 5 % of the time.
Status Trainer::save_if_due(SaveAt when) {
  if (!config_->checkpoint) {
    bool due = !saved_once_ || now_seconds() - saved_at_ >= 20 * save_took_;
    return when == SaveAt::Round && due ? save() : Status(Done{});
  }
  const CheckpointConfig& config = *config_->checkpoint;
  if (when != (config.by_step ? SaveAt::Step : SaveAt::Epoch)) return Done{};
  int64_t number = config.by_step ? model_.scalar(TARN_STEP) : state_.epoch;
  if (number % config.every != 0) return Done{};
  if (Status status = save(); !status) return status;
  return config.keep > 1 ? keep_copy(config.by_step ? "step" : "epoch", number) : Status(Done{});
}

}  // namespace tarn::runtime
