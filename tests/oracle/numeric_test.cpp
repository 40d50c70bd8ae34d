// Functions of NumPy's names against PyTorch's in f64 (numeric.json), by the interpreter and as machine code.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/oracle/flat.h"
#include "tests/oracle/runner.h"

namespace tarn::oracle {

using nlohmann::json;

// Relative to the largest number of the record.
static double distance(const std::vector<double>& found, const json& expected_values) {
  const std::vector<double> expected = flat(expected_values);
  REQUIRE(found.size() == expected.size());
  double largest = 1e-300, error = 0;
  for (double value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < found.size(); ++i) {
    double difference = std::abs(found[i] - expected[i]);
    error = std::max(error, std::isnan(difference) ? HUGE_VAL : difference);
  }
  return error / largest;
}

// The weight of a product with the identity is the function's argument; the probe keeps its gradient.
static std::string program_of(const json& record, const char* dtype) {
  size_t rows = record["x"].size(), columns = record["x"][0].size();
  bool is_vector = !record["y"][0].is_array();
  size_t width = is_vector ? 0 : record["y"][0].size();
  std::string row = is_vector ? "" : fmt::format("{}", width);
  return with_probe(
      fmt::format("fn top(x) {{ let (v, i) = topk(x, 3); return v }}\n"
                  "fn where_top(x) {{ let (v, i) = topk(x, 3); return i }}\n"
                  "fn f(x: float) = {3}\n"
                  "data d = npy() {{ x: {4}[{0}] = \"x.npy\"; c: {4}[{2}] = \"c.npy\" }}\n"
                  "model unit(x: {4}[B, {0}]) = f(x |> dense[{1}, bias = false] as fc)\n"
                  "train unit on d {{ loss = sum(unit(x) * c) + l2(0)\n optimizer = sgd(lr = 1)\n batch = {0} }}\n",
                  rows, columns, row, record["text"].get<std::string>(), dtype));
}

static void check(Runner& runner, const json& record, double tolerance) {
  size_t rows = record["x"].size();
  std::vector<double> identity(rows * rows, 0.0);
  for (size_t i = 0; i < rows; ++i) identity[i * rows + i] = 1;
  runner.init();
  runner.set("fc.w", flat(record["x"]));
  runner.set_input(0, identity);
  runner.set_input(1, flat(record["cotangent"]));
  CHECK(distance(runner.predict(), record["y"]) <= tolerance);
  runner.train_step();
  double largest = 0;
  for (double value : flat(record["gradient"])) largest = std::max(largest, std::abs(value));
  std::vector<double> gradient = runner.get("fc.w.grad");
  if (largest > 0) CHECK(distance(gradient, record["gradient"]) <= tolerance);
  if (largest == 0) CHECK(*std::max_element(gradient.begin(), gradient.end()) == 0);
}

static json functions() {
  return json::parse(read_text(TARN_SOURCE_DIR "/tests/oracle/numeric.json"))["functions"];
}

TEST_CASE("functions of NumPy's names mean the same") {
  PipelineOptions only_gradients;
  only_gradients.passes = {"autodiff"};
  for (const json& record : functions()) {
    CAPTURE(record["text"].dump());
    check(*interpret_runner(compile_text("unit", program_of(record, "f32")), only_gradients), record, 1e-12);
  }
}

TEST_CASE("functions of NumPy's names as machine code, in f32 and f64") {
  for (const json& record : functions()) {
    CAPTURE(record["text"].dump());
    check(*jit_runner(compile_text("unit", program_of(record, "f32")), "native", 2), record, 2e-6);
    check(*jit_runner(compile_text("unit", program_of(record, "f64")), "native", 2), record, 1e-9);
  }
}

}  // namespace tarn::oracle
