// The order of products: counted operations against known and exhaustive optima, and the same values.
#include "passes/contract_order.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include "ir/builder.h"
#include "ir/interpret.h"
#include "ir/verify.h"
#include "passes/pipeline.h"

namespace tarn {
namespace {

struct Case {
  std::vector<std::string> labels;  // of each factor
  std::string result;
  std::map<char, int64_t> sizes;
};

// Multiplied from left to right, as the front end emits it.
Module module_of(const Case& made) {
  Module module;
  module.name = "m";
  Func& func = module.funcs.emplace_back();
  func.name = "f";
  func.kind = FuncKind::Entry;
  Builder builder(func);
  std::vector<ValueId> factors;
  for (size_t i = 0; i < made.labels.size(); ++i) {
    Type type{DType::F64, {}};
    for (char label : made.labels[i]) type.shape.push_back(made.sizes.at(label));
    factors.push_back(builder.argument(type, fmt::format("x{}", i), Role::Input, 0));
  }
  ValueId product = factors[0];
  std::string left = made.labels[0];
  for (size_t i = 1; i < factors.size(); ++i) {
    std::string later = made.result, kept;
    for (size_t j = i + 1; j < factors.size(); ++j) later += made.labels[j];
    for (char label : left + made.labels[i]) {
      if (later.find(label) != std::string::npos && kept.find(label) == std::string::npos) kept += label;
    }
    if (i + 1 == factors.size()) kept = made.result;
    product = builder.op("contract", {product, factors[i]}, {{"spec", left + "," + made.labels[i] + "->" + kept}});
    left = kept;
  }
  builder.result(product, "y", Role::Output);
  return module;
}

std::vector<double> values_of(const Module& module) {
  const Func& func = module.funcs[0];
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<Tensor> args;
  for (const Argument& arg : func.args) {
    Tensor tensor{func.type(arg.value), std::vector<double>(static_cast<size_t>(func.type(arg.value).elements()))};
    for (double& value : tensor.data) value = uniform(random);
    args.push_back(std::move(tensor));
  }
  Result<std::vector<Tensor>> results = interpret(module, func, std::move(args));
  REQUIRE(static_cast<bool>(results));
  return results->front().data;
}

void reorder(Module& module) {
  PipelineOptions options;
  options.passes = {"contract_order"};
  options.verify_each = true;
  PipelineResult result = run_pipeline(module, options);
  REQUIRE(result.ok());
}

void check_same(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-11).scale(1));
}

// The fewest operations of all orders: any two parts are multiplied, then the rest.
double least_flops(const Case& made) {
  using Parts = std::vector<std::string>;
  std::function<double(const Parts&)> least = [&](const Parts& parts) {
    double best = parts.size() == 1 ? 0 : 1e300;
    for (size_t a = 0; a < parts.size(); ++a) {
      for (size_t b = a + 1; b < parts.size(); ++b) {
        std::string rest = made.result, both, kept;
        Parts next;
        for (size_t i = 0; i < parts.size(); ++i) {
          if (i == a || i == b) continue;
          next.push_back(parts[i]);
          rest += parts[i];
        }
        double flops = 2;
        for (char label : parts[a] + parts[b]) {
          if (both.find(label) != std::string::npos) continue;
          both += label;
          flops *= static_cast<double>(made.sizes.at(label));
          if (rest.find(label) != std::string::npos) kept += label;
        }
        next.push_back(kept);
        best = std::min(best, flops + least(next));
      }
    }
    return best;
  };
  return least(made.labels);
}

// Each label in two factors, or in one and the result.
Case random_case(std::mt19937_64& random) {
  auto below = [&](uint64_t n) { return static_cast<size_t>(random() % n); };
  Case made;
  size_t factors = 3 + below(3), labels = factors + below(3);
  made.labels.resize(factors);
  for (size_t n = 0; n < labels; ++n) {
    char label = static_cast<char>('a' + n);
    made.sizes[label] = 1 + static_cast<int64_t>(below(5));
    size_t first = below(factors), second = below(factors);
    made.labels[first] += label;
    if (second != first) made.labels[second] += label;
    if (second == first || below(4) == 0) made.result += label;
  }
  return made;
}

}  // namespace

TEST_CASE("a chain of matrices: the example of Cormen et al., chapter 15.2") {
  int64_t sizes[] = {30, 35, 15, 5, 10, 20, 25};
  Case chain{{"ab", "bc", "cd", "de", "ef", "fg"}, "ag", {}};
  for (int i = 0; i < 7; ++i) chain.sizes[static_cast<char>('a' + i)] = sizes[i];
  Module module = module_of(chain);
  CHECK(contract_flops(module.funcs[0]) == 2 * 40500);
  std::vector<double> before = values_of(module);
  reorder(module);
  CHECK(contract_flops(module.funcs[0]) == 2 * 15125);
  check_same(values_of(module), before);
}

TEST_CASE("random products take as many operations as the best of all orders, and keep their values") {
  std::mt19937_64 random(1);
  int improved = 0;
  for (int n = 0; n < 200; ++n) {
    Case made = random_case(random);
    Module module = module_of(made);
    double written = contract_flops(module.funcs[0]);
    std::vector<double> before = values_of(module);
    reorder(module);
    CHECK(contract_flops(module.funcs[0]) == doctest::Approx(least_flops(made)));
    improved += contract_flops(module.funcs[0]) < written;
    check_same(values_of(module), before);
  }
  CHECK(improved > 50);
}

TEST_CASE("a long product takes no more operations than as written") {
  Case chain{{}, "al", {}};
  for (int i = 0; i < 12; ++i) chain.sizes[static_cast<char>('a' + i)] = i % 2 == 0 ? 12 : 2;
  for (int i = 0; i < 11; ++i) chain.labels.push_back({static_cast<char>('a' + i), static_cast<char>('b' + i)});
  std::swap(chain.labels[2], chain.labels[9]);
  Module module = module_of(chain);
  double written = contract_flops(module.funcs[0]);
  std::vector<double> before = values_of(module);
  reorder(module);
  CHECK(contract_flops(module.funcs[0]) < written / 10);
  check_same(values_of(module), before);
}

}  // namespace tarn
