// Programs (fusion, memory plan and lowering together) against the interpreter, without a target.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "codegen/program/build_program.h"
#include "ir/parse.h"
#include "ir/print.h"
#include "passes/memory/memory_plan.h"
#include "passes/pipeline.h"
#include "tests/codegen/kernel_interpreter.h"
#include "tests/random_graph.h"

namespace tarn {

static Module parsed(const std::string& text) {
  SourceManager sources;
  DiagnosticSink sink;
  std::optional<Module> module = parse_ir(sources, sources.add("test", text), sink);
  REQUIRE_MESSAGE(module, render_text(sink, sources, {}));
  return std::move(*module);
}

static Module small_net() {
  std::ifstream file(TARN_SOURCE_DIR "/tests/codegen/small_net.ir");
  std::ostringstream text;
  text << file.rdbuf();
  return parsed(text.str());
}

static Module compiled(Module module) {
  PipelineResult result = run_pipeline(module);
  REQUIRE_MESSAGE(result.ok(), result.errors.front().message);
  return module;
}

static void run_one_pass(Module& module, std::string name) {
  PipelineOptions options;
  options.passes = {std::move(name)};
  REQUIRE(run_pipeline(module, options).ok());
}

// Every result of `func` by the interpreter against what the program leaves in its arena.
static void compare(const Module& plain, const Func& func, const std::vector<Tensor>& args, const Module& planned) {
  Result<std::vector<Tensor>> expected = interpret(plain, func, args);
  REQUIRE_MESSAGE(expected, expected.error().message);
  Result<Program> program = build_program(planned);
  REQUIRE_MESSAGE(program, program.error().message);
  SimulatedArena arena(*program);
  for (size_t i = 0; i < args.size(); ++i) arena.set(func.name_of(func.args[i].value), args[i].data);
  for (const ProgramEntry& entry : program->entries) {
    if (entry.name == func.name) arena.run(entry);
  }
  for (size_t r = 0; r < expected->size(); ++r) {
    CAPTURE(func.results[r].name);
    std::vector<double> found = arena.get(func.results[r].name);
    const std::vector<double>& wanted = (*expected)[r].data;
    REQUIRE(found.size() == wanted.size());
    for (size_t i = 0; i < found.size(); ++i) {
      CAPTURE(i);
      bool is_same = std::abs(found[i] - wanted[i]) <= 1e-9 * std::max(1.0, std::abs(wanted[i]));
      if (!is_same) FAIL(found[i] << " is not " << wanted[i]);
    }
  }
}

TEST_CASE("a training step's kernels compute what its IR means") {
  Module plain = small_net();
  run_one_pass(plain, "autodiff");
  const Func& step = *plain.find("train_step");
  std::vector<Tensor> args = random_args(step, 3);
  for (size_t i = 0; i < args.size(); ++i) {
    if (step.args[i].role == Role::Count) args[i].data = {5};  // the last row does not count
  }
  compare(plain, step, args, compiled(small_net()));
}

TEST_CASE("kernels of random graphs compute what their IR means") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Module plain = random_module(seed);
    std::vector<Tensor> args = random_args(plain.funcs[0], seed);
    compare(plain, plain.funcs[0], args, compiled(random_module(seed)));
  }
}

TEST_CASE("kernels of gradients of random graphs compute what their IR means") {
  RandomGraphOptions options;
  options.differentiable = true;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    Module module = random_module(seed, options);
    if (!add_loss_and_gradients(module.funcs[0], seed)) continue;
    std::vector<Tensor> args = random_args(module.funcs[0], seed);
    Module plain = module;
    run_one_pass(plain, "autodiff");
    compare(plain, plain.funcs[0], args, compiled(std::move(module)));
  }
}

TEST_CASE("nothing persistent changes before the loss is known") {
  Result<Program> program = build_program(compiled(small_net()));
  REQUIRE(program);
  for (const ProgramEntry& entry : program->entries) {
    if (entry.name != "train_step") continue;
    size_t checks = 0;
    for (const Step& step : entry.steps) {
      if (std::holds_alternative<CheckStep>(step.node)) ++checks;
      const LaunchStep* launch = std::get_if<LaunchStep>(&step.node);
      if (!launch || checks > 0) continue;
      for (size_t b = 0; b < launch->kernel.buffers.size(); ++b) {
        if (launch->kernel.buffers[b].kind != BufferKind::Out) continue;
        for (const ProgramTensor& tensor : program->tensors) {
          if (is_persistent(tensor.role)) CHECK(launch->buffer_offsets[b] != tensor.offset);
        }
      }
    }
    CHECK(checks == 1);
  }
}

TEST_CASE("the batch is what the module says, not the size of some input") {
  const char* text =
      "func @predict(%x: f32[1,4] input, %z: f32[10] input) -> (y: f32[1,4] output) {\n"
      "  %s = sum %z, axes=[0] : f32[]\n"
      "  %r = broadcast %s, dims=[], shape=[1,4] : f32[1,4]\n"
      "  %y = mul %x, %r : f32[1,4]\n"
      "  return %y\n}\n";
  Result<Program> program =
      build_program(compiled(parsed(std::string("module @m\nrecord model \"m\" {batch=1}\n") + text)));
  REQUIRE_MESSAGE(program, program.error().message);
  CHECK(program->batch == 1);
  Result<Program> silent = build_program(compiled(parsed(std::string("module @m\n") + text)));
  REQUIRE(!silent);
  CHECK(silent.error().message.find("add `record model \"m\" {batch=N}`") != std::string::npos);
}

TEST_CASE("the validator sees a plan that overlaps") {
  Module module = compiled(small_net());
  REQUIRE(validate_memory_plan(module).empty());
  int found = 0, tried = 0;
  for (Record& moved : module.records) {
    if (moved.kind != "place") continue;
    const AttrValue kept = moved.attrs["offset"];
    for (const Record& other : module.records) {
      if (other.kind != "tensor" || attr_string(other.attrs, "role") != "input") continue;
      moved.attrs["offset"] = other.attrs.at("offset");  // over an input that its entry point reads
      ++tried;
      found += !validate_memory_plan(module).empty();
    }
    moved.attrs["offset"] = kept;
  }
  CHECK(tried > 0);
  CHECK(found == tried);
}

TEST_CASE("the compiler goes on from the dump of any pass") {
  std::string expected = print(compiled(small_net()));
  for (const PipelineStep& step : pipeline()) {
    CAPTURE(step.pass->name);
    Module module = small_net();
    PipelineOptions options;
    options.stop_after = step.pass->name;
    REQUIRE(run_pipeline(module, options).ok());
    CHECK(print(compiled(parsed(print(module)))) == expected);
  }
}

}  // namespace tarn
