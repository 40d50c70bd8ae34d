// Every snippet of docs/cookbook.md compiles without a warning, has the gradients that differences give, and trains.
#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "driver/gradient_check.h"
#include "tests/cookbook/snippets.h"
#include "tests/oracle/runner.h"

namespace tarn {

// Numbers that fit each input of the step: labels below the number of classes, small integers, floats.
static void fill_inputs(oracle::Runner& runner, const Module& module) {
  std::mt19937 random(1);
  const Func* step = module.find("train_step");
  for (const Argument& argument : step->args) {
    if (argument.role != Role::Input) continue;
    const std::string& name = step->name_of(argument.value);
    const Type& type = step->type(argument.value);
    const Record* record = module.find_record("input", name);
    int64_t classes = record && record->attrs.count("classes") ? attr_int(record->attrs, "classes") : 10;
    std::vector<double> values(static_cast<size_t>(type.elements()));
    for (double& value : values) {
      value = is_float(type.dtype) ? static_cast<double>(random() % 4000) / 1000 - 2
                                   : static_cast<double>(random() % static_cast<uint64_t>(classes));
    }
    runner.set(name, values);
  }
}

static void check_snippet(const Snippet& snippet) {
  Module module = oracle::compile_text("cookbook", snippet.program);
  Result<std::vector<GradientCheck>> checks = check_gradients(module, 1);
  REQUIRE_MESSAGE(checks, checks.error().message);
  CHECK(!checks->empty());
  for (const GradientCheck& check : *checks)
    CHECK_MESSAGE(check.agrees, check.parameter << ": relative error " << check.relative_error);
  std::unique_ptr<oracle::Runner> runner = oracle::jit_runner(module, "native", 0);
  runner->init();
  fill_inputs(*runner, module);
  for (int step = 0; step < 3; ++step) CHECK(std::isfinite(runner->train_step()));
}

TEST_CASE("the snippets of the cookbook work") {
  std::vector<Snippet> snippets = snippets_of(oracle::read_text(TARN_SOURCE_DIR "/docs/cookbook.md"));
  CHECK(snippets.size() >= 40);
  for (const Snippet& snippet : snippets) {
    std::string place = "docs/cookbook.md:" + std::to_string(snippet.line);
    CAPTURE(place);
    CAPTURE(snippet.program);
    check_snippet(snippet);
  }
}

}  // namespace tarn
