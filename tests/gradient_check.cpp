// Builds the loss, has autodiff expand its gradient, and moves the arguments by hand.
#include "tests/gradient_check.h"

#include <algorithm>
#include <cmath>

#include "ir/base/check.h"
#include "ir/builder.h"
#include "passes/autodiff.h"

namespace tarn {

std::vector<Tensor> draw(const Sample& sample, std::mt19937_64& random) {
  constexpr double kDistance = 0.05;  // from kinks
  std::vector<Tensor> tensors;
  for (const SampleInput& input : sample.inputs) {
    Tensor tensor{input.type, std::vector<double>(input.type.elements())};
    std::uniform_real_distribution<double> real(input.lo, input.hi);
    std::uniform_int_distribution<int64_t> whole(static_cast<int64_t>(input.lo), static_cast<int64_t>(input.hi));
    for (double& element : tensor.data) {
      if (!is_float(input.type.dtype)) {
        element = static_cast<double>(whole(random));
        continue;
      }
      bool near_kink = true;
      while (near_kink) {
        element = static_cast<float>(real(random));
        near_kink = std::any_of(sample.avoid.begin(), sample.avoid.end(),
                                [&](double kink) { return std::fabs(element - kink) < kDistance; });
      }
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

static ValueId add_op(Builder& b, const OpDef& def, const Sample& sample) {
  std::vector<ValueId> operands;
  for (size_t i = 0; i < sample.inputs.size(); ++i) {
    operands.push_back(b.argument(sample.inputs[i].type, fmt::format("x{}", i), Role::Input));
  }
  return b.op(def.name, operands, sample.attrs);
}

Module module_of(const OpDef& def, const Sample& sample) {
  Module module;
  module.name = "sample";
  Func& func = module.funcs.emplace_back();
  func.name = "f";
  Builder b(func);
  b.result(add_op(b, def, sample), "y", Role::Output);
  return module;
}

bool is_differentiable_use(const OpDef& def, const Sample& sample) {
  Module module = module_of(def, sample);
  bool any_float = std::any_of(sample.inputs.begin(), sample.inputs.end(),
                               [](const SampleInput& input) { return is_float(input.type.dtype); });
  return any_float && is_float(module.funcs[0].type(module.funcs[0].results[0].value).dtype);
}

static ValueId weighted_sum(Builder& b, ValueId x, ValueId weights) {
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < b.type(x).rank(); ++axis) axes.push_back(axis);
  ValueId total = b.sum(b.mul(x, weights), axes);
  return b.cast(total, DType::F64);
}

double gradient_error(const OpDef& def, const Sample& sample, int order, std::mt19937_64& random) {
  Module module;
  Func& func = module.funcs.emplace_back();
  func.name = "f";
  Builder b(func);
  ValueId y = add_op(b, def, sample);
  std::vector<Tensor> args = draw(sample, random);
  std::uniform_real_distribution<double> real(-1, 1);
  auto random_weights = [&](ValueId like) {
    Type type = b.type(like);
    Tensor tensor{type, std::vector<double>(type.elements())};
    for (double& element : tensor.data) element = real(random);
    args.push_back(std::move(tensor));
    return b.argument(type, "weights", Role::Input);
  };
  std::vector<size_t> wrt;
  std::vector<ValueId> targets;
  for (size_t i = 0; i < sample.inputs.size(); ++i) {
    if (!is_float(sample.inputs[i].type.dtype)) continue;
    wrt.push_back(i);
    targets.push_back(func.args[i].value);
  }
  ValueId loss = weighted_sum(b, y, random_weights(y));
  std::vector<ValueId> gradients = b.gradient(loss, targets);
  if (order == 2) {
    ValueId outer = b.constant(0, {DType::F64, {}});
    for (ValueId gradient : gradients) outer = b.add(outer, weighted_sum(b, gradient, random_weights(gradient)));
    loss = outer;
    gradients = b.gradient(loss, targets);
  }
  b.result(loss, "loss", Role::Loss);
  for (size_t i = 0; i < gradients.size(); ++i) b.result(gradients[i], fmt::format("d{}", i), Role::Output);
  Result<PassStats> stats = pass_autodiff.run(module, {});
  TARN_CHECK(stats, "autodiff: {}", stats.error().message);
  constexpr double kStep = 1e-5;
  return gradient_error(module, func, wrt, args, kStep, random);
}

static std::vector<Tensor> run(const Module& module, const Func& func, const std::vector<Tensor>& args) {
  // Differences of 16-bit numbers would be those of their steps.
  Result<std::vector<Tensor>> results = interpret(module, func, args, {.round_half = false});
  TARN_CHECK(results, "interpret: {}", results.error().message);
  return *results;
}

double gradient_error(const Module& module, const Func& func, const std::vector<size_t>& wrt,
                      const std::vector<Tensor>& args, double step, std::mt19937_64& random) {
  std::vector<Tensor> results = run(module, func, args);
  std::vector<std::pair<size_t, size_t>> places;  // (position in wrt, element)
  for (size_t k = 0; k < wrt.size(); ++k) {
    for (size_t i = 0; i < args[wrt[k]].data.size(); ++i) places.emplace_back(k, i);
  }
  constexpr size_t kAllBelow = 64, kDirections = 8;
  bool one_by_one = places.size() <= kAllBelow;
  std::normal_distribution<double> normal;
  double error = 0, norm = 0;
  for (size_t trial = 0; trial < (one_by_one ? places.size() : kDirections); ++trial) {
    std::vector<Tensor> up = args, down = args;
    double slope = 0;
    for (size_t p = 0; p < places.size(); ++p) {
      auto [k, i] = places[p];
      double direction = one_by_one ? p == trial : normal(random);
      slope += direction * results[1 + k].data[i];
      up[wrt[k]].data[i] += step * direction;
      down[wrt[k]].data[i] -= step * direction;
    }
    double difference = run(module, func, up)[0].data[0] - run(module, func, down)[0].data[0];
    error += std::pow(slope - difference / (2 * step), 2);
    norm += slope * slope;
  }
  return std::sqrt(error) / std::max(std::sqrt(norm), 1e-3);
}

bool has_kink(const Module& module, const Func& func, const std::vector<size_t>& wrt, const std::vector<Tensor>& args,
              uint64_t seed) {
  constexpr double kStep = 1e-6;
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<Tensor> results = run(module, func, args);
  double here = results[0].data[0];
  for (int trial = 0; trial < 32; ++trial) {
    std::vector<Tensor> up = args, down = args;
    double slope = 0;
    for (size_t k = 0; k < wrt.size(); ++k) {
      for (size_t i = 0; i < args[wrt[k]].data.size(); ++i) {
        // Some directions move a few elements only, so that a kink is not lost among the others.
        double direction = trial % 2 == 0 || random() % 8 == 0 ? normal(random) : 0;
        slope += direction * results[1 + k].data[i];
        up[wrt[k]].data[i] += kStep * direction;
        down[wrt[k]].data[i] -= kStep * direction;
      }
    }
    double right = (run(module, func, up)[0].data[0] - here) / kStep;
    double left = (here - run(module, func, down)[0].data[0]) / kStep;
    double off = std::fabs(slope - (left + right) / 2);
    if (off > 1e-7 && std::fabs(right - left) > 0.05 * off) return true;
  }
  return false;
}

}  // namespace tarn
