// Single functions, losses, optimizers and norm clipping of the library against PyTorch's in f64 (units.json).
//
// Each record becomes a little model file: a product with the identity turns a weight into the function's argument, so
// that the weight's gradient is the argument's.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/oracle/flat.h"
#include "tests/oracle/runner.h"

namespace tarn::oracle {

using nlohmann::json;

static std::vector<json> records(const std::string& kind) {
  std::vector<json> wanted;
  const json file = json::parse(read_text(TARN_SOURCE_DIR "/tests/oracle/units.json"));
  for (const json& record : file["units"]) {
    if (record["kind"] == kind) wanted.push_back(record);
  }
  REQUIRE(!wanted.empty());
  return wanted;
}

// Relative to the largest number: PyTorch's own formulas cancel in places (README.md).
static void check_close(const std::vector<double>& found, const json& expected_values, double tolerance = 1e-12) {
  const std::vector<double> expected = flat(expected_values);
  REQUIRE(found.size() == expected.size());
  double largest = 1e-300;
  for (double value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CAPTURE(found[i]);
    CAPTURE(expected[i]);
    CHECK(std::abs(found[i] - expected[i]) <= tolerance * largest);
  }
}

static std::vector<double> identity(int64_t size) {
  std::vector<double> matrix(size * size, 0.0);
  for (int64_t i = 0; i < size; ++i) matrix[i * size + i] = 1;
  return matrix;
}

static std::unique_ptr<Runner> run_text(const std::string& text) {
  PipelineOptions only_gradients;
  only_gradients.passes = {"autodiff"};
  return interpret_runner(compile_text("unit", text), only_gradients);
}

TEST_CASE("functions and their gradients") {
  for (const json& record : records("function")) {
    CAPTURE(record["name"].dump());
    CAPTURE(record["settings"].dump());
    const int64_t rows = record["x"].size(), columns = record["x"][0].size();
    std::string function = record["name"];
    const json& settings = record["settings"];
    if (settings.contains("slope")) function += fmt::format("(slope = {})", settings["slope"].get<double>());
    if (settings.value("approximate", "none") == "tanh") function = "gelu_tanh";
    std::unique_ptr<Runner> runner = run_text(with_probe(fmt::format(
        "data d = csv(\"d.csv\") {{ x: f32[{0}] = cols[0..{0}]; c: f32[{1}] = cols[{0}..{2}] }}\n"
        "model unit(x: f32[B,{0}]) -> f32[B,{1}] = x |> dense[{1}, bias = false] as fc |> {3}\n"
        "train unit on d {{ loss = sum(unit(x) * c)\n optimizer = sgd(lr = 1)\n epochs = 1; batch = {0} }}\n",
        rows, columns, rows + columns, function)));
    runner->set("fc.w", flat(record["x"]));
    runner->set_input(0, identity(rows));
    runner->set_input(1, flat(record["cotangent"]));
    check_close(runner->predict(), record["y"]);
    runner->train_step();
    check_close(runner->get("fc.w.grad"), record["gradient"]);
  }
}

TEST_CASE("losses and their gradients") {
  for (const json& record : records("loss")) {
    CAPTURE(record["name"].dump());
    const int64_t rows = record["x"].size(), columns = record["x"][0].size();
    const std::string target = record["name"] == "cross_entropy"
                                   ? fmt::format("class[{}] = cols[{}]", columns, rows)
                                   : fmt::format("f32[{}] = cols[{}..{}]", columns, rows, rows + columns);
    std::unique_ptr<Runner> runner = run_text(with_probe(fmt::format(
        "data d = csv(\"d.csv\") {{ x: f32[{0}] = cols[0..{0}]; y: {2} }}\n"
        "model unit(x: f32[B,{0}]) -> f32[B,{1}] = x |> dense[{1}, bias = false] as fc\n"
        "train unit on d {{ loss = {3}(unit(x), y)\n optimizer = sgd(lr = 1)\n epochs = 1; batch = {0} }}\n",
        rows, columns, target, record["name"].get<std::string>())));
    runner->set("fc.w", flat(record["x"]));
    runner->set_input(0, identity(rows));
    runner->set_input(1, flat(record["target"]));
    check_close({runner->train_step()}, record["y"]);
    check_close(runner->get("fc.w.grad"), record["gradient"]);
  }
}

// PyTorch's settings as the library's arguments.
static std::string arguments(const std::string& optimizer, const json& settings) {
  std::string text = fmt::format("lr = {}", settings["lr"].get<double>());
  if (settings.contains("momentum")) text += fmt::format(", momentum = {}", settings["momentum"].get<double>());
  if (settings.value("nesterov", false)) text += ", nesterov = true";
  if (settings.contains("betas")) {
    text += fmt::format(", b1 = {}, b2 = {}", settings["betas"][0].get<double>(), settings["betas"][1].get<double>());
  }
  if (settings.contains("eps")) text += fmt::format(", eps = {}", settings["eps"].get<double>());
  if (settings.value("weight_decay", 0.0) != 0) {
    const char* name = optimizer == "adamw" ? "decay" : "weight_decay";
    text += fmt::format(", {} = {}", name, settings["weight_decay"].get<double>());
  }
  return text;
}

TEST_CASE("optimizers over ten steps") {
  for (const json& record : records("optimizer")) {
    const size_t count = record["initial"].size();
    const std::string name = record["name"];
    const std::string optimizer = fmt::format("{}({})", name, arguments(name, record["settings"]));
    CAPTURE(optimizer);
    std::unique_ptr<Runner> runner = run_text(
        fmt::format("data d = csv(\"d.csv\") {{ x: f32[1] = cols[0..1]; c: f32[{0}] = cols[1..{1}] }}\n"
                    "model unit(x: f32[B,1]) -> f32[B,{0}] = x |> dense[{0}, bias = false] as fc\n"
                    "train unit on d {{ loss = sum(unit(x) * c)\n optimizer = {2}\n epochs = 1; batch = 1 }}\n",
                    count, count + 1, optimizer));
    runner->init();
    runner->set("fc.w", flat(record["initial"]));
    runner->set_input(0, std::vector<double>{1});
    for (size_t step = 0; step < record["gradients"].size(); ++step) {
      CAPTURE(step);
      runner->set_input(1, flat(record["gradients"][step]));
      runner->train_step();
      check_close(runner->get("fc.w"), record["parameters"][step]);
    }
  }
}

TEST_CASE("clipping by the global norm") {
  for (const json& record : records("clip")) {
    CAPTURE(record["settings"].dump());
    const size_t count = record["gradients"][1].size();
    std::unique_ptr<Runner> runner = run_text(with_probe(
        fmt::format("data d = csv(\"d.csv\") {{ x: f32[1] = cols[0..1]; c: f32[{0}] = cols[1..{1}] }}\n"
                    "model unit(x: f32[B,1]) -> f32[B,{0}] = x |> dense[{0}] as fc\n"
                    "train unit on d {{ loss = sum(unit(x) * c)\n optimizer = sgd(lr = 1)\n clip_norm = {2}\n"
                    " epochs = 1; batch = 1 }}\n",
                    count, count + 1, record["settings"]["limit"].get<double>())));
    runner->init();
    runner->set_input(0, std::vector<double>{2});  // the weight's gradient is twice the bias's
    runner->set_input(1, flat(record["gradients"][1]));
    runner->train_step();
    check_close(runner->get("fc.w.grad"), record["clipped"][0]);
    check_close(runner->get("fc.b.grad"), record["clipped"][1]);
  }
}

}  // namespace tarn::oracle
