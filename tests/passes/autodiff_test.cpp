// Autodiff on small cases with known answers.
#include "passes/autodiff.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ir/builder.h"
#include "ir/interpret.h"
#include "ir/verify.h"

namespace tarn {
namespace {

const Type kScalar{DType::F32, {}};

struct Graph {
  Module module;
  Func& func;
  Builder b;

  Graph() : func(module.funcs.emplace_back()), b(func) { func.name = "f"; }

  // Expands the gradients and evaluates @f at scalars.
  std::vector<double> run(std::vector<double> numbers) {
    Result<PassStats> stats = pass_autodiff.run(module, {});
    REQUIRE(static_cast<bool>(stats));
    for (const std::string& violation : verify(module)) FAIL_CHECK(violation);
    std::vector<Tensor> args;
    for (double number : numbers) args.push_back({kScalar, {number}});
    Result<std::vector<Tensor>> results = interpret(module, func, args);
    REQUIRE(static_cast<bool>(results));
    std::vector<double> values;
    for (const Tensor& tensor : *results) values.insert(values.end(), tensor.data.begin(), tensor.data.end());
    return values;
  }
  void results(const std::vector<ValueId>& values) {
    for (ValueId value : values) b.result(value, fmt::format("y{}", func.results.size()), Role::Output);
  }
};

}  // namespace

TEST_CASE("shared and duplicated operands add up: d(x*x + x*y)") {
  Graph g;
  ValueId x = g.b.argument(kScalar, "x", Role::Input), y = g.b.argument(kScalar, "y", Role::Input);
  ValueId loss = g.b.add(g.b.mul(x, x), g.b.mul(x, y));
  g.results(g.b.gradient(loss, {x, y}));
  CHECK(g.run({3, 5}) == std::vector<double>{11, 3});
}

TEST_CASE("an intermediate value is a target too, and gradients flow on through it") {
  Graph g;
  ValueId x = g.b.argument(kScalar, "x", Role::Input);
  ValueId square = g.b.mul(x, x);
  ValueId loss = g.b.mul(square, x);
  g.results(g.b.gradient(loss, {square, x, loss}));
  CHECK(g.run({2}) == std::vector<double>{2, 12, 1});
}

TEST_CASE("targets that do not reach the loss, stopped and integer paths give zeros") {
  Graph g;
  ValueId x = g.b.argument(kScalar, "x", Role::Input), y = g.b.argument(kScalar, "y", Role::Input);
  ValueId rounded = g.b.cast(g.b.cast(y, DType::I32), DType::F32);
  ValueId loss = g.b.mul(g.b.mul(x, g.b.op("stop_gradient", {y})), rounded);
  ValueId unused = g.b.argument(kScalar, "unused", Role::Input);
  g.results(g.b.gradient(loss, {x, y, unused}));
  CHECK(g.run({2, 3.5, 1}) == std::vector<double>{10.5, 0, 0});
}

TEST_CASE("grad of grad: x^4 has 4x^3, 12x^2, 24x") {
  Graph g;
  ValueId x = g.b.argument(kScalar, "x", Role::Input);
  ValueId loss = g.b.mul(g.b.mul(x, x), g.b.mul(x, x));
  ValueId first = g.b.gradient(loss, {x})[0];
  ValueId second = g.b.gradient(first, {x})[0];
  ValueId third = g.b.gradient(second, {x})[0];
  g.results({first, second, third});
  CHECK(g.run({3}) == std::vector<double>{108, 108, 72});
}

TEST_CASE("ties: min and max split evenly, relu and abs have slope 0 at 0") {
  Graph g;
  ValueId x = g.b.argument(kScalar, "x", Role::Input), y = g.b.argument(kScalar, "y", Role::Input);
  ValueId zero = g.b.argument(kScalar, "zero", Role::Input);
  g.results(g.b.gradient(g.b.op("max", {x, y}), {x, y}));
  g.results(g.b.gradient(g.b.op("min", {x, y}), {x, y}));
  g.results(g.b.gradient(g.b.op("relu", {zero}), {zero}));
  g.results(g.b.gradient(g.b.op("abs", {zero}), {zero}));
  CHECK(g.run({1, 1, 0}) == std::vector<double>{0.5, 0.5, 0.5, 0.5, 0, 0});
}

TEST_CASE("reductions: maxima that tie share, products with zeros are exact") {
  Graph g;
  ValueId a = g.b.argument(kScalar, "a", Role::Input), b = g.b.argument(kScalar, "b", Role::Input);
  auto pair = [&](ValueId first, ValueId second) {
    Attrs at_start = {{"high", Shape{1}}, {"interior", Shape{0}}, {"low", Shape{0}}};
    Attrs at_end = {{"high", Shape{0}}, {"interior", Shape{0}}, {"low", Shape{1}}};
    return g.b.add(g.b.op("pad", {g.b.reshape(first, {1})}, at_start),
                   g.b.op("pad", {g.b.reshape(second, {1})}, at_end));
  };
  Attrs axes = {{"axes", Shape{0}}};
  g.results(g.b.gradient(g.b.op("reduce_max", {pair(a, a)}, axes), {a}));
  g.results(g.b.gradient(g.b.op("prod", {pair(a, b)}, axes), {a, b}));
  g.results(g.b.gradient(g.b.op("prod", {pair(b, b)}, axes), {b}));
  CHECK(g.run({5, 0}) == std::vector<double>{1, 0, 5, 0});
}

TEST_CASE("pow at its corners: no NaN from 0 * infinity") {
  Graph g;
  ValueId x = g.b.argument(kScalar, "x", Role::Input), y = g.b.argument(kScalar, "y", Role::Input);
  g.results(g.b.gradient(g.b.op("pow", {x, y}), {x, y}));
  CHECK(g.run({0, 0}) == std::vector<double>{0, 0});
  Graph h;
  x = h.b.argument(kScalar, "x", Role::Input), y = h.b.argument(kScalar, "y", Role::Input);
  h.results(h.b.gradient(h.b.op("pow", {x, y}), {x, y}));
  CHECK(h.run({0, 2}) == std::vector<double>{0, 0});
}

TEST_CASE("gradients carry names and places of the forward ops, and frozen operands cost nothing") {
  Graph g;
  Type matrix{DType::F32, {3, 3}};
  ValueId x = g.b.argument(matrix, "x", Role::Input), w = g.b.argument(matrix, "fc.w", Role::Param);
  g.b.set_location({"net.tarn", 7, 12, "fc"});
  g.b.set_next_name("fc.out");
  ValueId out = g.b.op("contract", {x, w}, {{"spec", "bk,kn->bn"}});
  g.b.set_location({"net.tarn", 9, 1, ""});
  ValueId loss = g.b.sum(g.b.op("tanh", {out}), {0, 1});
  g.b.result(g.b.gradient(loss, {w})[0], "fc.w", Role::Param);
  REQUIRE(static_cast<bool>(pass_autodiff.run(g.module, {})));
  std::vector<std::string> names;
  int contracts = 0;
  for (const Op& op : g.func.ops) {
    names.push_back(g.func.name_of(op.result()));
    if (op.def->name != "contract") continue;
    ++contracts;
    CHECK(op.location.text() == "net.tarn:7:12");
    CHECK(op.location.path == "fc");
  }
  CHECK(contracts == 2);  // forward and d.fc.w; d.x is not asked for
  for (const char* name : {"fc.out", "d.fc.out", "d.fc.w", "d.tanh"}) {
    CHECK_MESSAGE(std::find(names.begin(), names.end(), name) != names.end(), name);
  }
}

TEST_CASE("an op without a gradient rule on the path is an error with its place") {
  Graph g;
  Func& kernel = g.module.funcs.emplace_back();
  kernel.name = "k";
  kernel.kind = FuncKind::Kernel;
  Builder inner(kernel);
  inner.result(inner.argument(kScalar, "a"), "y");
  ValueId x = g.b.argument(kScalar, "x", Role::Input);
  g.b.set_location({"net.tarn", 3, 5, ""});
  ValueId h = g.b.call(kernel, {x})[0];  // named as the result of the kernel
  g.results(g.b.gradient(g.b.mul(h, h), {x}));
  Result<PassStats> stats = pass_autodiff.run(g.module, {});
  REQUIRE(!static_cast<bool>(stats));
  CHECK(stats.error().message == "`y` (op `call`) lies on the path of a gradient, but has no gradient rule");
  CHECK(stats.error().rule == "autodiff.rule");
  CHECK(stats.error().location.text() == "net.tarn:3:5");
}

}  // namespace tarn
