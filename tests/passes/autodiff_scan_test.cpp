// Gradients of loops: against differences, of first and second order, and in the shape that makes them cheap.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "ir/builder.h"
#include "ir/print.h"
#include "ir/verify.h"
#include "passes/autodiff.h"
#include "tests/gradient_check.h"

namespace tarn {
namespace {

Type f32(Shape shape) {
  return {DType::F32, std::move(shape)};
}

// h = tanh(x[t] + h w + b) scaled by the gate g; results are the last h and all of them.
Func recurrent_body(const char* name, int64_t rows, int64_t hidden) {
  Func body;
  body.name = name;
  body.kind = FuncKind::Body;
  Builder b(body);
  ValueId h = b.argument(f32({rows, hidden}), "h"), x = b.argument(f32({rows, hidden}), "x");
  ValueId w = b.argument(f32({hidden, hidden}), "w"), bias = b.argument(f32({hidden}), "b");
  ValueId gate = b.argument(f32({rows, hidden}), "g");
  ValueId product = b.op("contract", {h, w}, {{"spec", "bk,kn->bn"}});
  ValueId sum = b.add(b.add(product, x), b.broadcast(bias, {rows, hidden}, {1}));
  ValueId next = b.mul(b.unary("tanh", sum), b.unary("sigmoid", gate));
  b.result(next, "next");
  b.result(next, "y");
  return body;
}

double total_error(int order, bool reverse) {
  constexpr int64_t kRows = 2, kHidden = 3, kLength = 4;
  Module module;
  Func& func = module.funcs.emplace_back();
  func.name = "f";
  Builder b(func);
  std::vector<Type> types = {f32({kRows, kHidden}), f32({kLength, kRows, kHidden}), f32({kHidden, kHidden}),
                             f32({kHidden}), f32({kRows, kHidden})};
  std::vector<ValueId> args;
  for (const Type& type : types) args.push_back(b.argument(type, "x", Role::Input));
  module.funcs.push_back(recurrent_body("cell", kRows, kHidden));
  std::vector<ValueId> made =
      b.scan(module.funcs.back(), {args[0]}, {args[1]}, {args[2], args[3], args[4]}, kLength, reverse);
  auto weighted = [&](ValueId x, double weight) {
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis < b.type(x).rank(); ++axis) axes.push_back(axis);
    ValueId square = b.mul(b.mul(x, x), b.constant_like(x, weight));
    return b.cast(b.sum(b.add(square, x), axes), DType::F64);
  };
  ValueId loss = b.add(weighted(made[0], 0.7), weighted(made[1], 0.3));
  std::vector<ValueId> gradients = b.gradient(loss, args);
  for (int again = 1; again < order; ++again) {
    loss = b.constant(0, {DType::F64, {}});
    double weight = 0.2;
    for (ValueId gradient : gradients) loss = b.add(loss, weighted(gradient, weight += 0.1));
    gradients = b.gradient(loss, args);
  }
  b.result(loss, "loss", Role::Loss);
  for (size_t i = 0; i < gradients.size(); ++i) b.result(gradients[i], fmt::format("d{}", i), Role::Output);
  REQUIRE(static_cast<bool>(pass_autodiff.run(module, {})));
  for (const std::string& violation : verify(module)) FAIL_CHECK(violation);
  std::mt19937_64 random(1);
  Sample sample;
  for (const Type& type : types) sample.inputs.push_back({type, -1, 1});
  constexpr double kStep = 1e-5;
  return gradient_error(module, func, {0, 1, 2, 3, 4}, draw(sample, random), kStep, random);
}

}  // namespace

TEST_CASE("gradients of a recurrent loop are derivatives, of first and second order") {
  for (bool reverse : {false, true}) {
    CAPTURE(reverse);
    CHECK(total_error(1, reverse) < kGradientF64);
    CHECK(total_error(2, reverse) < kGradientF64);
  }
}

TEST_CASE("a weight's gradient is one product after the loop, a bias's one sum") {
  Module module;
  Func& func = module.funcs.emplace_back();
  func.name = "f";
  Builder b(func);
  ValueId h = b.argument(f32({2, 3}), "h", Role::Input), x = b.argument(f32({4, 2, 3}), "x", Role::Input);
  ValueId w = b.argument(f32({3, 3}), "w", Role::Input), bias = b.argument(f32({3}), "b", Role::Input);
  ValueId gate = b.argument(f32({2, 3}), "g", Role::Input);
  module.funcs.push_back(recurrent_body("cell", 2, 3));
  ValueId last = b.scan(module.funcs.back(), {h}, {x}, {w, bias, gate}, 4, false)[0];
  std::vector<ValueId> gradients = b.gradient(b.sum(last, {0, 1}), {w, bias, x});
  for (ValueId gradient : gradients) b.result(gradient, fmt::format("y{}", func.results.size()), Role::Output);
  REQUIRE(static_cast<bool>(pass_autodiff.run(module, {})));
  const Func* backward = module.find("cell.grad");
  REQUIRE(backward);
  CAPTURE(print(module));
  int products = 0, sums = 0;
  for (const Op& op : backward->ops) {
    products += std::holds_alternative<Contract>(op.def->body);
    sums += std::holds_alternative<Reduce>(op.def->body);
  }
  CHECK(products == 1);  // the cotangent of h through w
  CHECK(sums == 0);
  std::vector<std::string> specs;
  for (const Op& op : func.ops) {
    if (std::holds_alternative<Contract>(op.def->body)) specs.push_back(attr_string(op.attrs, "spec"));
  }
  CHECK(specs == std::vector<std::string>{"abk,abn->kn"});
  for (const Op& op : func.ops) {
    if (op.def->name == "scan" && attr_string(op.attrs, "callee") == "cell.grad") {
      CHECK(attr_int(op.attrs, "carries") == 1);
    }
  }
}

}  // namespace tarn
