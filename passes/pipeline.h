// The passes from the front end's IR to planned kernels as one list, and the runner that verifies, times, counts and
// dumps them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "passes/pass.h"

namespace tarn {

struct PipelineStep {
  const Pass* pass;
  int min_level;            // runs at this optimisation level (-O0 .. -O3) and above
  std::string_view reason;  // why it stands here
};

// Every step, in order; a pass may appear more than once.
std::span<const PipelineStep> pipeline();
// nullptr if no step has a pass of this name.
const Pass* find_pass(std::string_view name);

struct PipelineOptions {
  int opt_level = 2;
  TargetWishes wishes = {};
  std::vector<std::string> passes =
      {};                       // run just these, in this order, instead of the pipeline (`tarn opt -p cse,dce`)
  std::string stop_after = {};  // name of the pass after whose last run to stop; empty: none
  std::string dump_dir = {};    // existing directory for NN.<pass>.tarnir, from 00.input.tarnir; empty: none
  bool dump_locations = false;  // with loc(...) on each op
  bool verify_each = true;      // after every pass; the input is always verified
};

struct PassReport {
  std::string_view name;
  int64_t changed = 0;
  double seconds = 0;
};

struct PipelineResult {
  std::vector<PassReport> reports;  // of the passes that ran
  std::vector<Error> errors;        // the user's: unsound input, unknown pass, no gradient, unwritable dump

  bool ok() const { return errors.empty(); }
};

// Runs the passes on `module`; of the pipeline those that it has not behind it (passes/pipeline_record.h).  What a pass
// is given depends on the module's text alone, so that a dump leads to the same result.  An unsound module after a pass is a bug of that pass and stops the compiler.
PipelineResult run_pipeline(Module& module, const PipelineOptions& options = {});

// One line for each pass: its time, its share of the total, what it changed.
std::string timing_table(const PipelineResult& result);

}  // namespace tarn
