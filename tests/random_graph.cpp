// Random graphs, numbers for their arguments, a loss of their results; how far two runs are apart.
#include "tests/random_graph.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "ir/base/check.h"
#include "ir/builder.h"
#include "tests/graph_maker.h"

namespace tarn {

Module random_module(uint64_t seed, const RandomGraphOptions& options) {
  for (uint64_t attempt = 0;; ++attempt) {  // a lone scalar argument may leave too little to grow from
    Module module = GraphMaker(seed + (attempt << 32), options).make();
    if (static_cast<int>(module.funcs[0].ops.size()) >= options.min_ops) return module;
  }
}

// FNV-1a.
static uint64_t hash_of(const std::string& text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

std::vector<Tensor> random_args(const Func& func, uint64_t seed) {
  std::uniform_real_distribution<float> real(-2, 2);
  std::uniform_int_distribution<int> integer(0, 9);
  std::vector<Tensor> args;
  for (const Argument& arg : func.args) {
    const Type& type = func.type(arg.value);
    // By name: the numbers of one argument do not depend on the others.
    std::mt19937_64 random(seed * 0x9E3779B97F4A7C15 + hash_of(func.name_of(arg.value)));
    Tensor tensor{type, std::vector<double>(type.elements())};
    for (double& element : tensor.data) element = is_float(type.dtype) ? real(random) : integer(random);
    if (type.dtype == DType::Bool) {
      for (double& element : tensor.data) element = std::fmod(element, 2);
    }
    args.push_back(std::move(tensor));
  }
  return args;
}

static constexpr std::string_view kWeights = "weights";

bool is_differentiated(const Func& func, const Argument& arg) {
  return is_float(func.type(arg.value).dtype) && func.name_of(arg.value).rfind(kWeights, 0) != 0;
}

bool add_loss_and_gradients(Func& func, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> weight(0.5, 1.5);
  Builder b(func);
  ValueId loss;
  std::vector<ValueId> targets;
  for (const Argument& arg : func.args) {
    if (is_differentiated(func, arg)) targets.push_back(arg.value);
  }
  if (targets.empty()) return false;
  for (const FuncResult& result : func.results) {
    Type type = b.type(result.value);
    if (!is_float(type.dtype)) continue;
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis < type.rank(); ++axis) axes.push_back(axis);
    double scale = weight(random) / static_cast<double>(std::max<int64_t>(type.elements(), 1));
    DType dtype = computed_dtype(type.dtype);  // losses are not of 16 bits
    ValueId weighted = b.cast(b.mul(result.value, b.argument(type, kWeights, Role::Input)), dtype);
    ValueId part = b.mul(b.sum(weighted, axes), b.constant(scale, {dtype, {}}));
    if (loss.is_valid()) part = b.cast(part, b.type(loss).dtype);
    loss = loss.is_valid() ? b.add(loss, part) : part;
  }
  if (!loss.is_valid()) return false;
  std::vector<ValueId> gradients = b.gradient(loss, targets);
  func.results.clear();
  b.result(loss, "loss", Role::Loss);
  for (size_t i = 0; i < targets.size(); ++i) {
    b.result(gradients[i], "d." + func.name_of(targets[i]), Role::Output);
  }
  return true;
}

double distance(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  TARN_CHECK(a.size() == b.size(), "{} and {} results", a.size(), b.size());
  double largest = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    TARN_CHECK(a[k].type == b[k].type, "{} and {}", a[k].type.text(), b[k].type.text());
    for (size_t i = 0; i < a[k].data.size(); ++i) {
      double x = a[k].data[i], y = b[k].data[i];
      if (x == y || (std::isnan(x) && std::isnan(y))) continue;
      double error = std::fabs(x - y) / std::max(1.0, std::fabs(x));
      largest = std::isfinite(error) ? std::max(largest, error) : HUGE_VAL;
    }
  }
  return largest;
}

}  // namespace tarn
