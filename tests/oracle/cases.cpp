// Feeds a runner the weights and batches that PyTorch had, and measures how far it ends from PyTorch.
#include "tests/oracle/cases.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace tarn::oracle {

using Json = nlohmann::json;

static InputSpec input_of(const Json& json) {
  InputSpec spec;
  spec.name = json.at("name");
  spec.kind = json.at("kind");
  spec.row = json.value("row", std::vector<int64_t>{});
  spec.classes = json.value("classes", int64_t{0});
  spec.shift = json.value("shift", int64_t{0});
  spec.stream = json.value("stream", 0u);
  spec.times = json.value("times", 1.0f);
  return spec;
}

static RecordedParameter parameter_of(const Json& json) {
  return {{json.at("path"), json.at("shape"), json.at("scale"), json.at("offset")},
          json.at("gradient_norm"),
          json.at("gradient"),
          json.at("norm")};
}

static Case read_case(const std::filesystem::path& path) {
  const Json json = Json::parse(read_text(path));
  Case net{path.stem(),
           json.at("source"),
           json.at("batch"),
           json.at("first_batch"),
           json.at("steps"),
           json.at("gradients_within"),
           json.at("losses_within"),
           {},
           {},
           {},
           json.at("loss_names"),
           json.at("losses"),
           json.at("losses_f64"),
           json.at("parameters_fnv1a"),
           json.at("first_batch_fnv1a")};
  for (const Json& input : json.at("inputs")) net.inputs.push_back(input_of(input));
  for (const Json& parameter : json.at("parameters")) net.parameters.push_back(parameter_of(parameter));
  for (const Json& state : json.at("states")) {
    net.states.push_back({state.at("path"), state.at("norm"), state.at("projections")});
  }
  return net;
}

const std::vector<Case>& all_cases() {
  static const std::vector<Case> cases = [] {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(TARN_SOURCE_DIR "/tests/oracle/records")) {
      paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    std::vector<Case> read;
    for (const auto& path : paths) read.push_back(read_case(path));
    return read;
  }();
  return cases;
}

// Calls `take` with one input's values in the type that the checksum is made of.
template <typename Take>
static void with_input(const InputSpec& spec, int64_t step, int64_t batch, Take take) {
  if (spec.kind == "points") return take(points(spec, step, batch));
  if (spec.kind == "bend") return take(bend(step, batch));
  if (spec.kind == "side") return take(side(step, batch));
  if (spec.kind == "labels") return take(labels(spec.stream ? spec.stream : 2, spec.classes, step, batch));
  if (spec.kind == "images") return take(images(spec, step, batch));
  if (spec.kind == "tokens") return take(tokens(spec, step, batch));
  FAIL("no kind of input " << spec.kind);
}

void check_data(const Case& net) {
  uint64_t hash = fnv1a(nullptr, 0);
  auto add = [&](const auto& values) { hash = fnv1a(values.data(), values.size() * sizeof values[0], hash); };
  for (size_t i = 0; i < net.parameters.size(); ++i) {
    add(parameter_values(net.parameters[i].spec, static_cast<uint32_t>(i)));
  }
  CHECK(fmt::format("{:016x}", hash) == net.parameters_fnv1a);
  hash = fnv1a(nullptr, 0);
  for (const InputSpec& input : net.inputs) with_input(input, net.first_batch, net.batch, add);
  CHECK(fmt::format("{:016x}", hash) == net.first_batch_fnv1a);
}

static double norm(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value * value;
  return std::sqrt(sum);
}

// Written so that a NaN counts as infinitely far.
static void take_larger(double& largest, double far) {
  largest = far <= largest ? largest : std::isnan(far) ? INFINITY : far;
}

// Of the difference, by its projections, relative to the norm.
static double projected_distance(const std::vector<double>& found, const std::vector<double>& projections,
                                 double recorded_norm) {
  std::vector<double> difference = project(found);
  for (size_t k = 0; k < difference.size(); ++k) difference[k] -= projections.at(k);
  return norm(difference) / std::sqrt(static_cast<double>(difference.size())) / recorded_norm;
}

static std::unique_ptr<Runner> start(const Case& net, const std::string& text,
                                     const std::function<std::unique_ptr<Runner>(Module)>& make) {
  std::unique_ptr<Runner> runner = make(compile_text(net.name, text, net.batch));
  runner->init();
  for (size_t i = 0; i < net.parameters.size(); ++i) {
    const std::vector<float> values = parameter_values(net.parameters[i].spec, static_cast<uint32_t>(i));
    runner->set(net.parameters[i].spec.path, {values.begin(), values.end()});
  }
  return runner;
}

static void feed(Runner& runner, const Case& net, int64_t step) {
  for (const InputSpec& input : net.inputs) {
    with_input(input, net.first_batch + step, net.batch,
               [&](const auto& values) { runner.set(input.name, {values.begin(), values.end()}); });
  }
}

Distance distance(const Case& net, const std::function<std::unique_ptr<Runner>(Module)>& make, int steps,
                  const std::vector<std::vector<double>>& losses) {
  const std::string text = read_text(std::string(TARN_SOURCE_DIR) + "/" + net.source);
  Distance result;
  std::unique_ptr<Runner> probe = start(net, with_probe(text), make);
  feed(*probe, net, 0);
  probe->train_step();
  std::vector<double> norms;
  for (const RecordedParameter& parameter : net.parameters) norms.push_back(parameter.gradient_norm);
  const double least = 1e-6 * norm(norms);  // where a gradient cancels to nothing (the bias before a mean difference)
  for (const RecordedParameter& parameter : net.parameters) {
    take_larger(result.gradients,
                projected_distance(probe->get(parameter.spec.path + ".grad"), parameter.gradient_projections,
                                   std::max(parameter.gradient_norm, least)));
  }
  std::unique_ptr<Runner> runner = start(net, text, make);
  for (int step = 0; step < steps; ++step) {
    feed(*runner, net, step);
    runner->train_step();
    for (size_t i = 0; i < losses.size(); ++i) {
      const double expected = losses[i].at(step);
      take_larger(result.losses, std::abs(runner->get(net.loss_names[i]).at(0) - expected) / std::abs(expected));
    }
  }
  if (steps < net.steps) return result;
  for (const RecordedParameter& parameter : net.parameters) {
    take_larger(result.parameters, std::abs(norm(runner->get(parameter.spec.path)) / parameter.norm - 1));
  }
  for (const RecordedState& state : net.states) {
    take_larger(result.states, projected_distance(runner->get(state.path), state.projections, state.norm));
  }
  return result;
}

}  // namespace tarn::oracle
