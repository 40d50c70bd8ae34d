// What every command works with: the model, its config, its threads.
#pragma once

#include <memory>

#include "config.h"
#include "data/data.h"
#include "model.h"
#include "options.h"
#include "profile.h"
#include "progress.h"
#include "run_state.h"
#include "team.h"

namespace tarn::runtime {

struct Session {
  const Options& options;
  Model model;
  RunConfig config;
  std::unique_ptr<Team> team;
  Progress progress;
  Profile profile;

  const tarn_program& program() const { return model.program(); }
  const char* name() const { return model.program().name; }
};

// How a piece of work ended; a failure is an Error beside it.
enum class Outcome { Complete, Stopped };

// Runs eval_step over a split, in order; exact weights for the last partial batch.  An error with kDiverged where the
// loss is not finite.  `totals` is cleared first.
Result<Outcome> evaluate(Session& session, const Split& split, Totals& totals);

// A step that could not be run at all.
Error cannot_run(tarn_result result);

// "loss 0.0812, accuracy 97.52 %  (10000 rows)"
std::string totals_text(const Model& model, const Totals& totals);

// --load, or NAME.safetensors.
std::string weights_path(const Session& session);
Status load_for_use(Session& session);

// The commands; an exit code.
Result<int> run_train(Session& session);
Result<int> run_eval(Session& session);
Result<int> run_predict(Session& session);
// What `info` prints: runs no code of the model and needs no arena.
Result<std::string> info_text(const tarn_program& program, const RunConfig& config, const Options& options);

// Everything main does: returns the exit code, errors are printed as "NAME: error: ...".
using DeviceMaker = Device (*)(Team* team);
int run_program(const tarn_program& program, int argc, const char* const* argv,
                DeviceMaker make_device = make_mapped_device);

}  // namespace tarn::runtime
