// Random graphs: a mistake in one is noticed; a second run of a cleaning pass changes nothing.  What passes and
// autodiff must keep is checked by tests/graphs. TARN_GRAPHS=10000 tries that many instead of 300.
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

// Passes may add up in another order: roundings of f64.
constexpr double kSame = 1e-10;

Module graph_with_gradients(uint64_t seed) {
  Module module = random_module(seed);
  if (seed % 2 == 0 && add_loss_and_gradients(module.funcs[0], seed))
    REQUIRE(static_cast<bool>(pass_autodiff.run(module, {})));
  return module;
}

}  // namespace

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

}  // namespace tarn
