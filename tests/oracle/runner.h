// Runs a compiled model by the names of its tensors: by the interpreter in f64, or as machine code in this process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/target/cpu/emit/jit.h"
#include "ir/graph.h"
#include "passes/pipeline.h"

namespace tarn::oracle {

// One instance of a model.  Values pass as f64 whatever the tensor's dtype; a name or size that the model does not have
// fails the test.
class Runner {
 public:
  virtual ~Runner() = default;
  virtual void set(std::string_view name, const std::vector<double>& values) = 0;
  // What persists, or the last step's losses and metrics.
  virtual std::vector<double> get(std::string_view name) = 0;
  virtual void init() = 0;          // as the program does, from seed 1
  virtual double train_step() = 0;  // the loss before the update
  virtual std::vector<double> predict() = 0;
  // Names of the data tensors, in the order of the source.
  virtual std::vector<std::string> inputs() = 0;

  template <typename T>
  void set_input(size_t number, const std::vector<T>& values) {
    set(inputs().at(number), std::vector<double>(values.begin(), values.end()));
  }
};

// The module of a model file's text; errors in it fail the test and are shown.
// `batch`: 0 for the file's own.
Module compile_text(std::string_view name, std::string text, int64_t batch = 0);
std::string read_text(const std::string& path);

// `passes`: what the module goes through before it is evaluated.
std::unique_ptr<Runner> interpret_runner(Module module, const PipelineOptions& passes);
std::unique_ptr<Runner> jit_runner(Module module, std::string_view cpu, int opt_level);
// By another target's code, loaded into this process.
using Compile = std::function<Result<std::unique_ptr<JitProgram>>(const Program&)>;
std::unique_ptr<Runner> program_runner(Module module, int opt_level, const Compile& compile);

// `text` with its optimizer replaced by one that leaves the parameters alone and keeps each gradient in slot `grad`.
std::string with_probe(const std::string& text);

}  // namespace tarn::oracle
