// Feeds a runner the weights and batches that PyTorch had, and measures how far it ends from PyTorch.
#include "tests/oracle/cases.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tests/oracle/oracle_file.h"

namespace tarn::oracle {

static void feed_simple(Runner& runner, int64_t step, int64_t batch) {
  runner.set_input(0, points_batch(step, batch));
  runner.set_input(1, simple_labels(step, batch));
}

static void feed_regression(Runner& runner, int64_t step, int64_t batch) {
  runner.set_input(0, points_batch(step, batch));
  runner.set_input(1, regression_targets(step, batch));
}

static void feed_mnist(Runner& runner, int64_t step, int64_t batch) {
  runner.set_input(0, mnist_images(step, batch));
  runner.set_input(1, mnist_labels(step, batch));
}

const std::vector<Case>& all_cases() {
  static const std::vector<Case> cases = {
      {"simple", {{10, 5, 0.5f}, {5, 2, 1.0f}}, 16, feed_simple},
      {"regression", {{10, 10, 0.5f}, {10, 1, 0.5f}}, 1000, feed_regression},
      {"mnist", {{784, 64, 0.0625f}, {64, 32, 0.25f}, {32, 10, 0.5f}}, 32, feed_mnist},
  };
  return cases;
}

static std::string file_of(const Case& net, const std::string& ending) {
  return std::string(TARN_SOURCE_DIR) + "/tests/oracle/" + net.name + ending;
}

template <typename T>
static uint64_t hash_more(const std::vector<T>& values, uint64_t hash) {
  return fnv1a(values.data(), values.size() * sizeof(T), hash);
}

void check_data(const Case& net) {
  const OracleFile record = read_oracle(file_of(net, ".safetensors"));
  const uint64_t empty = fnv1a(nullptr, 0);
  uint64_t hash = empty;
  for (const Parameter& parameter : parameters_of(net.layers)) hash = hash_more(parameter.values, hash);
  CHECK(fmt::format("{:016x}", hash) == record.metadata.at("parameters_fnv1a"));
  hash =
      net.name == "mnist" ? hash_more(mnist_images(0, net.batch), empty) : hash_more(points_batch(0, net.batch), empty);
  if (net.name == "mnist") hash = hash_more(mnist_labels(0, net.batch), hash);
  if (net.name == "simple") hash = hash_more(simple_labels(0, net.batch), hash);
  if (net.name == "regression") hash = hash_more(regression_targets(0, net.batch), hash);
  CHECK(fmt::format("{:016x}", hash) == record.metadata.at("first_batch_fnv1a"));
}

static double norm(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value * value;
  return std::sqrt(sum);
}

static double distance_by_norm(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  std::vector<double> difference(found.size());
  std::transform(found.begin(), found.end(), expected.begin(), difference.begin(), std::minus<>());
  return norm(difference) / norm(expected);
}

static std::unique_ptr<Runner> start(const Case& net, const std::string& text,
                                     const std::function<std::unique_ptr<Runner>(Module)>& make) {
  std::unique_ptr<Runner> runner = make(compile_text(net.name, text));
  runner->init();
  for (const Parameter& parameter : parameters_of(net.layers)) {
    runner->set(parameter.path, {parameter.values.begin(), parameter.values.end()});
  }
  return runner;
}

Distance distance(const Case& net, const std::function<std::unique_ptr<Runner>(Module)>& make, int steps,
                  const std::string& reference) {
  const OracleFile record = read_oracle(file_of(net, ".safetensors"));
  const std::string text = read_text(file_of(net, ".tarn"));
  Distance result;
  std::unique_ptr<Runner> probe = start(net, with_probe(text), make);
  net.feed(*probe, 0, net.batch);
  probe->train_step();
  for (const Parameter& parameter : parameters_of(net.layers)) {
    const double far =
        distance_by_norm(probe->get(parameter.path + ".grad"), record.tensors.at("grad." + parameter.path));
    result.gradients = std::max(result.gradients, far);
  }
  std::unique_ptr<Runner> runner = start(net, text, make);
  const std::vector<double>& losses = record.tensors.at(reference);
  for (int step = 0; step < steps; ++step) {
    net.feed(*runner, step, net.batch);
    const double loss = runner->train_step();
    // Written so that a NaN counts as infinitely far.
    const double far = std::abs(loss - losses.at(step)) / std::abs(losses.at(step));
    result.losses = far <= result.losses ? result.losses : std::isnan(far) ? INFINITY : far;
  }
  if (steps < static_cast<int>(losses.size())) return result;
  for (const Parameter& parameter : parameters_of(net.layers)) {
    const double expected = record.tensors.at("norm." + parameter.path).at(0);
    result.parameters = std::max(result.parameters, std::abs(norm(runner->get(parameter.path)) / expected - 1));
  }
  return result;
}

}  // namespace tarn::oracle
