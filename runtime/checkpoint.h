// A run's tensors and state <-> a safetensors file.
//
// Tensors: PARAM, STATE and SLOT by name.  In a run that keeps its best weights, also a second set of PARAM and STATE:
// `best/NAME` while the run goes on; in the finished file, where the plain names hold the best weights, `last/NAME`.
// Metadata (strings): tarn.format = "1", tarn.model, tarn.model_hash, tarn.step, tarn.epoch, tarn.cursor, tarn.epochs,
// tarn.total_steps, tarn.seed, tarn.batch, tarn.rows, tarn.data, tarn.loss_sum, tarn.row_count, tarn.metric.NAME,
// tarn.best_value, tarn.best_epoch, tarn.since_best, tarn.finished, tarn.classes.INPUT (a JSON list of what the class
// numbers stand for, where the data file has names and they fit), hyper.NAME; tarn.hash as safetensors.h says.
#pragma once

#include <string>

#include "checkpoint_file.h"
#include "model.h"
#include "run_state.h"

namespace tarn::runtime {

// Bytes of a checkpoint, for the check before the run.
uint64_t checkpoint_bytes(const Model& model, bool with_best);

// `other`: the second set of weights, or empty.
Status save_checkpoint(const std::string& path, const Model& model, const RunState& state, const WeightCopy& other);

// Weights of PARAM and STATE only.  A file with other tensors is refused with a list of the differences; slots, and
// `best/` and `last/` sets, may be there.
Status load_weights(const std::string& path, Model& model);

// Everything, hypers too.  A file that is damaged is an error with is_damaged set: an older one may do.
struct ResumeError {
  Error error;
  bool is_damaged;
};
std::optional<ResumeError> load_run(const std::string& path, Model& model, RunState& state, WeightCopy& best);

}  // namespace tarn::runtime
