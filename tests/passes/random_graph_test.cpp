// Random graphs: what a pass rewrites means the same; gradients are derivatives; a second run changes nothing.
// TARN_GRAPHS=10000 tries that many instead of 300.
#include "tests/random_graph.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <random>

#include "ir/parse.h"
#include "ir/print.h"
#include "ir/verify.h"
#include "passes/autodiff.h"
#include "passes/pipeline.h"
#include "tests/gradient_check.h"

namespace tarn {
namespace {

// Under a sanitizer each graph takes ten times as long.
#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t kGraphs = 60;
#else
constexpr uint64_t kGraphs = 300;
#endif

uint64_t graph_count() {
  const char* wanted = std::getenv("TARN_GRAPHS");
  return wanted ? std::strtoull(wanted, nullptr, 10) : kGraphs;
}

std::vector<Tensor> run(const Module& module, const std::vector<Tensor>& args) {
  Result<std::vector<Tensor>> results = interpret(module, *module.find("f"), args);
  REQUIRE(static_cast<bool>(results));
  return *results;
}

// The largest |a - b| / max(1, |a|).
double distance(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    REQUIRE(a[k].type == b[k].type);
    for (size_t i = 0; i < a[k].data.size(); ++i) {
      double x = a[k].data[i], y = b[k].data[i];
      if (x == y || (std::isnan(x) && std::isnan(y))) continue;
      double error = std::fabs(x - y) / std::max(1.0, std::fabs(x));
      largest = std::isfinite(error) ? std::max(largest, error) : HUGE_VAL;
    }
  }
  return largest;
}

// Passes may add up in another order, so results may differ by roundings of f64 ...
constexpr double kSame = 1e-10;

// ... and where a comparison, a floor or a kink sits on a tie, by more.  Such a graph also differs from itself when its
// arguments move by a rounding, and says nothing.
bool is_unstable(const Module& module, const std::vector<Tensor>& args, const std::vector<Tensor>& results) {
  for (double factor : {1 + 1e-13, 1 - 1e-13}) {
    std::vector<Tensor> moved = args;
    for (Tensor& tensor : moved) {
      for (double& element : tensor.data) {
        if (is_float(tensor.type.dtype)) element *= factor;
      }
    }
    if (distance(results, run(module, moved)) > kSame) return true;
  }
  return false;
}

Module graph_with_gradients(uint64_t seed) {
  Module module = random_module(seed);
  if (seed % 2 == 0 && add_loss_and_gradients(module.funcs[0], seed))
    REQUIRE(static_cast<bool>(pass_autodiff.run(module)));
  return module;
}

// Runs the passes on graph `seed` and compares; false where the graph is unstable.
bool check_passes(uint64_t seed, const std::vector<std::string>& passes) {
  Module module = graph_with_gradients(seed);
  std::vector<Tensor> args = random_args(module.funcs[0], seed);
  std::vector<Tensor> before = run(module, args);
  std::string text = print(module);
  Module rewritten = module;
  PipelineResult result = run_pipeline(rewritten, {.passes = passes});
  for (const Error& error : result.errors) FAIL_CHECK(error.message << " [" << error.rule << "]");
  double error = distance(before, run(rewritten, args));
  if (error <= kSame) return true;
  if (is_unstable(module, args, before)) return false;
  FAIL_CHECK("results differ by " << error << "\n" << text << "\n// ---- became\n" << print(rewritten));
  return true;
}

}  // namespace

TEST_CASE("each pass keeps the meaning of random graphs") {
  for (const char* pass : {"simplify", "cse", "dce", "sink_views", "sink_merges", "layout", "fuse"}) {
    CAPTURE(pass);
    uint64_t unstable = 0;
    for (uint64_t seed = 1; seed <= graph_count(); ++seed) {
      CAPTURE(seed);
      unstable += !check_passes(seed, {pass});
    }
    CHECK(unstable <= graph_count() / 20);
  }
}

TEST_CASE("a graph with one op taken for another is noticed") {
  constexpr std::pair<std::string_view, std::string_view> kMistakes[] = {
      {"add", "sub"},        {"mul", "max"},        {"min", "max"},
      {"max", "min"},        {"sub", "add"},        {"neg", "abs"},
      {"sin", "cos"},        {"sum", "reduce_max"}, {"reduce_max", "reduce_min"},
      {"reduce_min", "sum"}, {"relu", "tanh"},      {"exp", "sigmoid"}};
  int made = 0, noticed = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Module module = random_module(seed, {.with_empty = false});
    REQUIRE(run_pipeline(module, {.passes = {"dce"}}).ok());
    std::vector<Tensor> args = random_args(module.funcs[0], seed);
    std::vector<Tensor> right = run(module, args);
    for (Op& op : module.funcs[0].ops) {
      for (auto [name, mistaken] : kMistakes) {
        if (op.def->name != name) continue;
        op.def = find_op(mistaken);
        ++made;
        noticed += distance(right, run(module, args)) > kSame;
        op.def = find_op(name);
      }
    }
  }
  CHECK(made > 500);
  // The rest is lost where it does not matter: under max(x, x), comparisons, selects that take the other side.
  CHECK(noticed >= made * 6 / 10);
  MESSAGE(noticed << " of " << made << " mistakes noticed");
}

TEST_CASE("the whole pipeline and random orders of passes keep the meaning of random graphs") {
  uint64_t unstable = 0;
  for (uint64_t seed = 1; seed <= graph_count(); ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::vector<std::string> passes = {"simplify", "cse", "dce", "simplify", "cse", "layout", "dce"};
    if (seed % 3 == 0) std::shuffle(passes.begin(), passes.end(), random);
    if (seed % 2 == 0) passes.push_back("fuse");
    unstable += !check_passes(seed, passes);
  }
  CHECK(unstable <= graph_count() / 20);
}

TEST_CASE("a second run of a cleaning pass changes nothing") {
  for (uint64_t seed = 1; seed <= graph_count(); ++seed) {
    CAPTURE(seed);
    for (const char* pass : {"simplify", "cse", "dce"}) {
      CAPTURE(pass);
      Module module = graph_with_gradients(seed);
      REQUIRE(run_pipeline(module, {.passes = {pass}}).ok());
      std::string once = print(module);
      PipelineResult again = run_pipeline(module, {.passes = {pass}});
      CHECK(again.reports[0].changed == 0);
      CHECK(print(module) == once);
    }
  }
}

TEST_CASE("what passes print parses back to the same text") {
  for (uint64_t seed = 1; seed <= graph_count(); ++seed) {
    CAPTURE(seed);
    Module module = graph_with_gradients(seed);
    REQUIRE(run_pipeline(module, {.passes = {"simplify", "cse", "dce", "sink_views", "sink_merges", "layout", "fuse"}}).ok());
    SourceManager sources;
    DiagnosticSink sink;
    std::string text = print(module);
    std::optional<Module> parsed = parse_ir(sources, sources.add("dump.tarnir", text), sink);
    REQUIRE_MESSAGE(parsed, render_text(sink, sources, {}));
    CHECK(print(*parsed) == text);
  }
}

TEST_CASE("gradients of random graphs are derivatives") {
  uint64_t checked = 0, wrong = 0;
  for (uint64_t seed = 1; seed <= graph_count(); ++seed) {
    CAPTURE(seed);
    Module module = random_module(seed, {.differentiable = true});
    Func& func = module.funcs[0];
    std::vector<size_t> wrt;
    for (size_t i = 0; i < func.args.size(); ++i) {
      if (func.type(func.args[i].value).dtype == DType::F32) wrt.push_back(i);
    }
    if (!add_loss_and_gradients(func, seed)) continue;
    REQUIRE(static_cast<bool>(pass_autodiff.run(module)));
    for (const std::string& violation : verify(module)) FAIL_CHECK(violation);
    std::vector<Tensor> args = random_args(func, seed);
    std::mt19937_64 random(seed);
    // A kink within a step spoils one step size but seldom all.
    double error = HUGE_VAL;
    for (double step : {1e-5, 1e-6, 1e-7}) {
      error = std::min(error, gradient_error(module, func, wrt, args, step, random));
    }
    ++checked;
    if (error <= 1e-5) continue;
    ++wrong;
    MESSAGE("seed " << seed << ": relative error " << error);
  }
  CHECK(checked >= graph_count() / 2);
  CHECK(wrong <= graph_count() / 100);  // kinks and ties that are there for every step size
}

}  // namespace tarn
