// Layers of the library against PyTorch's modules in f64 (layers.json, made by layers.py).
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/oracle/runner.h"

namespace tarn::oracle {

using nlohmann::json;

// Relative to the largest number, as in units_test.cpp.
static void check_close(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  double largest = 1e-300, error = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    error = std::max(error, std::abs(found[i] - expected[i]));
  }
  CHECK(error <= 1e-11 * largest);
}

TEST_CASE("layers and the gradients of their parameters") {
  const json file = json::parse(read_text(TARN_SOURCE_DIR "/tests/oracle/layers.json"));
  for (const json& record : file["layers"]) {
    CAPTURE(record["name"].dump());
    std::string text = fmt::format(
        "data d = npy() {{ x: {0} = \"x.npy\"; c: f32[{1}] = \"c.npy\" }}\n{2}\n"
        "train unit on d {{ loss = sum(unit(x) * c)\n optimizer = sgd(lr = 1)\n epochs = 1; batch = 2 }}\n",
        record["x"].get<std::string>(), record["y_shape"].get<std::string>(), record["model"].get<std::string>());
    PipelineOptions only_gradients;
    only_gradients.passes = {"autodiff"};
    std::unique_ptr<Runner> runner = interpret_runner(compile_text("unit", with_probe(text)), only_gradients);
    runner->init();
    for (const auto& [path, value] : record["parameters"].items()) runner->set(path, value.get<std::vector<double>>());
    runner->set_input(0, record["input"].get<std::vector<double>>());
    runner->set_input(1, record["cotangent"].get<std::vector<double>>());
    check_close(runner->predict(), record["y"].get<std::vector<double>>());
    runner->train_step();
    for (const auto& [path, value] : record["gradients"].items()) {
      CAPTURE(path);
      check_close(runner->get(path + ".grad"), value.get<std::vector<double>>());
    }
  }
}

}  // namespace tarn::oracle
