// Convolutions, pooling and normalisation against torch.nn.functional in f64 (windows.json, made by windows.py, which
// says what is recorded).
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

#include "tests/oracle/runner.h"

namespace tarn::oracle {

using nlohmann::json;

static constexpr int64_t kRows = 3;

// units.py's: fractions of multiples of the golden ratio.
static std::vector<double> ramp(int64_t count, int64_t seed) {
  std::vector<double> values;
  for (int64_t k = 1; k <= count; ++k) {
    values.push_back(2 * std::fmod(static_cast<double>(seed + k) * 0.6180339887498949, 1) - 1);
  }
  return values;
}

static int64_t elements(const json& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1},
                         [](int64_t product, const json& size) { return product * size.get<int64_t>(); });
}

static void check_sums(const std::vector<double>& found, const json& expected) {
  double size = 1e-3;  // a gradient that is zero by symmetry is a rounding error
  for (double value : found) size += std::abs(value);
  for (size_t k = 0; k < expected.size(); ++k) {
    const std::vector<double> weights = ramp(static_cast<int64_t>(found.size()), 500 + 50 * static_cast<int64_t>(k));
    const double sum = std::inner_product(found.begin(), found.end(), weights.begin(), 0.0);
    CHECK(std::abs(sum - expected[k].get<double>()) <= 1e-12 * size);
  }
}

static std::string model_of(const json& record, std::string_view loss) {
  auto row = record["x"].get<std::vector<int64_t>>(), y = record["y"].get<std::vector<int64_t>>();
  bool has_parameters = record["parameters"].size() > 1;
  return fmt::format(
      "data d = npy() {{ x: f32[{0}] = \"x.npy\"; c: f32[{1}] = \"c.npy\" }}\n"
      "layer shift(x: f32[B, {0}]) {{ param p: f32[{0}] = zeros; return x + p }}\n"
      "model net(x: f32[B, {0}]) = x |> shift as input |> {2}{3}\n"
      "train net on d {{ loss = {4}\n optimizer = sgd(lr = 1)\n epochs = 1; batch = {5} }}\n",
      fmt::join(row, ", "), fmt::join(y, ", "), record["layer"].get<std::string>(), has_parameters ? " as unit" : "",
      loss, kRows);
}

static std::unique_ptr<Runner> runner_for(const json& record, std::string_view loss) {
  PipelineOptions only_gradients;
  only_gradients.passes = {"autodiff"};
  std::unique_ptr<Runner> runner =
      interpret_runner(compile_text("unit", with_probe(model_of(record, loss))), only_gradients);
  runner->init();
  int64_t seed = 3000;
  for (const json& parameter : record["parameters"]) {
    std::vector<double> values = ramp(parameter["size"], seed);
    const std::string path = parameter["path"];
    bool is_variance = path.ends_with(".var");
    for (double& value : values) value = path == "input.p" ? 0 : is_variance ? std::abs(value) : value;
    runner->set(path, values);
    seed += 100;
  }
  std::vector<double> x = ramp(kRows * elements(record["x"]), 1000);
  const double steps = record["steps"];
  for (double& value : x) value = steps > 0 ? std::floor(value * steps) / steps : value;
  runner->set_input(0, x);
  runner->set_input(1, ramp(kRows * elements(record["y"]), 2000));
  return runner;
}

TEST_CASE("convolutions, pooling and norms: results, gradients of both orders, running statistics") {
  const json file = json::parse(read_text(TARN_SOURCE_DIR "/tests/oracle/windows.json"));
  for (const json& record : file["records"]) {
    CAPTURE(record["name"].dump());
    std::unique_ptr<Runner> runner = runner_for(record, "sum(net(x) * c)");
    check_sums(runner->predict(), record["eval"]);
    runner->train_step();
    for (const auto& [path, expected] : record["gradients"].items()) {
      CAPTURE(path);
      check_sums(runner->get(path + ".grad"), expected);
    }
    for (const auto& [path, expected] : record["states"].items()) check_sums(runner->get(path), expected);
    runner = runner_for(record, "sum(grad(sum(net(x)^2 * c), x)^2)");
    runner->train_step();
    for (const auto& [path, expected] : record["second"].items()) {
      CAPTURE(path);
      check_sums(runner->get(path + ".grad"), expected);
    }
  }
}

}  // namespace tarn::oracle
