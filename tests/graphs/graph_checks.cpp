// Each check runs a graph in two ways and measures how far the results are apart.
#include "tests/graphs/graph_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "codegen/program/build_program.h"
#include "ir/base/check.h"
#include "ir/interpret.h"
#include "ir/parse.h"
#include "ir/print.h"
#include "ir/verify.h"
#include "passes/pipeline.h"
#include "tests/codegen_cpu/run_kernel.h"
#include "tests/gradient_check.h"
#include "tests/graphs/machine_code.h"
#include "tests/random_graph.h"

namespace tarn {

// Passes may add up in another order: roundings of f64.
static constexpr double kSameF64 = 1e-10;
// f32 arithmetic in graphs of 40 ops, with values up to 1000.
static constexpr double kSameF32 = 2e-4;

using Tensors = std::vector<Tensor>;

static Tensors run(const Module& module, const Tensors& args, const InterpretOptions& options = {}) {
  Result<Tensors> results = interpret(module, *module.find("f"), args, options);
  TARN_CHECK(results, "interpret: {}", results.error().message);
  return *results;
}

// Each float by up to that much of itself, up or down.
static Tensors moved(Tensors args, double relative, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> part(-1, 1);
  for (Tensor& tensor : args) {
    for (double& element : tensor.data) element *= is_float(tensor.type.dtype) ? 1 + relative * part(random) : 1;
  }
  return args;
}

// What the 16-bit floats of a graph lose: how far its results are from those with all digits kept.  Both sides of a
// comparison may lose that, each in its own places.
static double loss_of_halves(const Module& module, const Tensors& args, const Tensors& results) {
  return 4 * distance(run(module, args, {.round_half = false}), results);
}

// A comparison, a floor or a kink sits on a tie.
static bool is_unstable(const Module& module, const Tensors& args, const Tensors& results,
                        std::initializer_list<double> distances, double same) {
  for (double relative : distances) {
    for (uint64_t seed : {1, 2, 3, 4}) {
      if (distance(results, run(module, moved(args, relative, seed))) > same) return true;
    }
  }
  return false;
}

static std::string wrong_of(const PipelineResult& result) {
  return result.ok() ? "" : fmt::format("{} [{}]", result.errors[0].message, result.errors[0].rule);
}

// --- passes ---

static Verdict check_passes(const Module& module, const std::vector<std::string>& passes, const Tensors& args,
                            const Tensors& before) {
  Module rewritten = module;
  std::string wrong = wrong_of(run_pipeline(rewritten, {.passes = passes}));
  if (!wrong.empty()) return {wrong};
  double error = distance(before, run(rewritten, args));
  if (error <= kSameF64 + loss_of_halves(module, args, before)) return {};
  if (is_unstable(module, args, before, {1e-13}, kSameF64)) return {"", true};
  return {fmt::format("{} changes the results by {:.2g}", fmt::join(passes, ","), error)};
}

static Verdict each_pass(const Module& module, uint64_t seed, const std::string&) {
  Module expanded = module;
  if (seed % 2 == 0) add_loss_and_gradients(expanded.funcs[0], seed);
  std::string wrong = wrong_of(run_pipeline(expanded, {.passes = {"autodiff"}}));
  if (!wrong.empty()) return {wrong};
  Tensors args = random_args(expanded.funcs[0], seed), before = run(expanded, args);
  for (const char* pass : {"simplify", "cse", "dce", "sink_views", "layout", "fuse"}) {
    Verdict verdict = check_passes(expanded, {pass}, args, before);
    if (!verdict.wrong.empty() || verdict.is_unstable) return verdict;
  }
  return {};
}

// The cleaning passes in the pipeline's order and in others.
static Verdict orders_of_passes(const Module& module, uint64_t seed, const std::string&) {
  Module expanded = module;
  if (seed % 2 == 1) add_loss_and_gradients(expanded.funcs[0], seed);
  std::string wrong = wrong_of(run_pipeline(expanded, {.passes = {"autodiff"}}));
  if (!wrong.empty()) return {wrong};
  std::mt19937_64 random(seed);
  std::vector<std::string> passes = {"simplify", "cse", "dce", "sink_views", "simplify", "cse", "layout", "dce"};
  if (seed % 3 == 0) std::shuffle(passes.begin(), passes.end(), random);
  if (seed % 2 == 0) passes.push_back("fuse");
  Tensors args = random_args(expanded.funcs[0], seed);
  return check_passes(expanded, passes, args, run(expanded, args));
}

// Text of the module before and after the pipeline parses back to itself.
static Verdict text_round_trip(const Module& module, uint64_t seed, const std::string&) {
  Module rewritten = module;
  if (seed % 2 == 0) add_loss_and_gradients(rewritten.funcs[0], seed);
  for (int round = 0; round < 2; ++round) {
    std::string text = print(rewritten);
    SourceManager sources;
    DiagnosticSink sink;
    std::optional<Module> parsed = parse_ir(sources, sources.add("graph.tarnir", text), sink);
    if (!parsed) return {"does not parse: " + render_text(sink, sources, {})};
    if (print(*parsed) != text) return {"parses to another text"};
    if (round == 0) run_pipeline(rewritten);
  }
  return {};
}

// --- gradients ---

// The gradients of the loss, and of a weighted sum of its gradients, against central differences.  Where the
// differences to either side are not the same the graph has a kink there.
static Verdict check_gradient(const Module& module, uint64_t seed, int order) {
  Module expanded = module;
  for (int i = 0; i < order; ++i) {
    if (!add_loss_and_gradients(expanded.funcs[0], seed + static_cast<uint64_t>(i))) return {};
  }
  std::string wrong = wrong_of(run_pipeline(expanded, {.passes = {"autodiff", "cse", "dce"}}));
  if (!wrong.empty()) return {wrong};
  const Func& func = *expanded.find("f");
  std::vector<size_t> wrt;
  for (size_t i = 0; i < func.args.size(); ++i) {
    if (is_differentiated(func, func.args[i])) wrt.push_back(i);
  }
  Tensors args = random_args(func, seed);
  std::mt19937_64 random(seed);
  double tolerance = order == 1 ? 1e-5 : 1e-4, error = HUGE_VAL;
  // A kink within a step spoils one step size but seldom all.
  for (double step : {1e-5, 1e-6, 1e-7}) {
    error = std::min(error, gradient_error(expanded, func, wrt, args, step, random));
    if (error <= tolerance) return {};
  }
  if (has_kink(expanded, func, wrt, args, seed)) return {"", true};
  return {fmt::format("gradients of order {} are off by {:.2g}", order, error)};
}

static Verdict gradients(const Module& module, uint64_t seed, const std::string&) {
  return check_gradient(module, seed, 1);
}
static Verdict second_gradients(const Module& module, uint64_t seed, const std::string&) {
  return check_gradient(module, seed, 2);
}

// --- machine code ---

static Verdict check_machine_code(const Module& module, uint64_t seed, const std::string& cpu, int order) {
  Module plain = module;
  for (int i = 0; i < order; ++i) {
    if (!add_loss_and_gradients(plain.funcs[0], seed + static_cast<uint64_t>(i))) return {};
  }
  Module planned = plain;
  std::string wrong = wrong_of(run_pipeline(planned));
  if (!wrong.empty()) return {wrong};
  run_pipeline(plain, {.passes = {"autodiff"}});
  Result<Program> program = build_program(planned);
  if (!program) return {program.error().message};
  for (ProgramEntry& entry : program->entries) entry.name = "train_step";
  const Func& func = *plain.find("f");
  Tensors args = random_args(func, seed), expected = run(plain, args);
  TargetOptions options;
  options.cpu = cpu;
  static constexpr int kLevels[] = {0, 1, 0, 2};  // without LLVM's passes it takes a third of the time
  options.opt_level = kLevels[seed / 4 % 4];
  bool shares = seed % 2 == 0;  // out even the smallest kernel
  if (shares) options.parallel_cycles = 0;
  Result<std::unique_ptr<JitProgram>> code = testing::compile_program(*program, options);
  TARN_CHECK(code, "jit: {}", code.error().message);
  Tensors found = run_machine_code(*program, **code, func, args, 1);
  double error = distance(expected, found);
  if (error <= kSameF32 + loss_of_halves(plain, args, expected)) {
    auto threads = static_cast<uint32_t>(2 + seed % 3);
    if (shares && distance(found, run_machine_code(*program, **code, func, args, threads)) != 0)
      return {fmt::format("other bits on {} threads than on one ({})", threads, cpu)};
    return {};
  }
  bool rounds_away = distance(expected, run(plain, args, {.round_f32 = true})) > kSameF32 / 2;
  if (rounds_away || is_unstable(plain, args, expected, {2e-7, 2e-6}, kSameF32 / 2)) return {"", true};
  return {fmt::format("results of {} differ by {:.2g}", cpu, error)};
}

static Verdict machine_code(const Module& module, uint64_t seed, const std::string& cpu) {
  return check_machine_code(module, seed, cpu, 0);
}
static Verdict machine_code_gradients(const Module& module, uint64_t seed, const std::string& cpu) {
  return check_machine_code(module, seed, cpu, 1);
}
static Verdict machine_code_second(const Module& module, uint64_t seed, const std::string& cpu) {
  return check_machine_code(module, seed, cpu, 2);
}

std::span<const GraphCheck> graph_checks() {
  static constexpr GraphCheck kChecks[] = {
      {"passes", 1, false, each_pass},
      {"orders", 1, false, orders_of_passes},
      {"text", 4, false, text_round_trip},
      {"gradients", 1, true, gradients},
      {"second_gradients", 1, true, second_gradients},
      {"machine_code", 1, false, machine_code},
      {"machine_code_gradients", 1, true, machine_code_gradients},
      {"machine_code_second", 8, true, machine_code_second},
  };
  return kChecks;
}

const GraphCheck* find_graph_check(std::string_view name) {
  for (const GraphCheck& check : graph_checks()) {
    if (check.name == name) return &check;
  }
  return nullptr;
}

}  // namespace tarn
