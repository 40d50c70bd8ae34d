// tarn opt: IR in, passes, IR out.
#include <fmt/format.h>

#include "driver/compilation.h"
#include "driver/files.h"
#include "driver/options.h"
#include "ir/print.h"
#include "passes/pipeline.h"

namespace tarn {

static int list_passes() {
  for (const PipelineStep& step : pipeline()) {
    fmt::print("{:<12} {}\n", step.pass->name, step.pass->summary);
    fmt::print("{:<12}   here because: {}; from -O{}\n", "", step.reason, step.min_level);
  }
  return kExitOk;
}

// The named passes instead of the pipeline.
static bool run_named(Compilation& compilation, Module& module, const OptOptions& options) {
  PipelineOptions pipeline_options;
  pipeline_options.passes = options.passes;
  pipeline_options.dump_dir = options.compile.dump_dir;
  pipeline_options.verify_each = options.compile.verify_each;
  PipelineResult result = run_pipeline(module, pipeline_options);
  for (const Error& error : result.errors) compilation.error(error);
  if (options.compile.timings) fmt::print(stderr, "{}", timing_table(result));
  return result.ok();
}

int run_opt(const OptOptions& options) {
  if (options.list) return list_passes();
  if (options.compile.input.empty()) {
    fmt::print(stderr, "tarn opt: error: name a file, or - for standard input\n");
    return kExitUsage;
  }
  Compilation compilation(options.compile);
  std::optional<Module> module = compilation.load();
  if (!module) return compilation.finish();
  bool done = options.passes.empty() ? compilation.run_passes(*module) : run_named(compilation, *module, options);
  if (done) {
    std::string text = print(*module, {.locations = options.locations});
    if (std::optional<Error> error = write_file(options.output, text)) compilation.error(*error);
  }
  return compilation.finish();
}

}  // namespace tarn
