// One compilation: sources, diagnostics, and the way from a file to a module and on to a program.
#pragma once

#include <optional>
#include <string>

#include "codegen/program/program.h"
#include "driver/options.h"
#include "ir/base/diagnostic.h"
#include "ir/base/result.h"
#include "ir/graph.h"

namespace tarn {

class Compilation {
 public:
  explicit Compilation(const CompileOptions& options) : options_(options) {}

  // Reads the input: a model file through the front end, IR text (it begins with `module`) through its parser.
  // nullopt: there are errors; finish() prints them.
  std::optional<Module> load();
  // After load(): the same model file at another batch size; nullopt for IR text, or where the model has errors then.
  std::optional<Module> load_at_batch(int64_t batch);
  // The syntax tree of a model file, printed.
  std::optional<std::string> syntax_tree();
  // Runs the pipeline, up to --stop-after.
  bool run_passes(Module& module);
  // load, run_passes, build_program.
  std::optional<Program> compile();

  void error(std::string message, std::string rule);
  void error(const Error& error);  // at its location, where it has one
  // Prints what was found to standard error, once; the exit code.
  int finish();

  const SourceManager& sources() const { return sources_; }
  DiagnosticSink& sink() { return sink_; }
  uint32_t input_file() const { return input_file_; }
  const std::string& model_name() const { return model_name_; }

 private:
  bool read_input();

  const CompileOptions& options_;
  SourceManager sources_;
  DiagnosticSink sink_;
  uint32_t input_file_ = 0;
  std::string model_name_;
};

}  // namespace tarn
