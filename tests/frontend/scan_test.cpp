// Loops over time: what the front end makes of them, by the interpreter.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <random>

#include "ir/builder.h"
#include "passes/autodiff.h"
#include "tests/frontend/support.h"
#include "tests/gradient_check.h"

using namespace tarn;
using namespace tarn::test;

using Numbers = std::vector<double>;

// The output of the model for a batch of two rows; x is 1, 2, 3, ...
static Numbers output_of(const std::string& model) {
  FrontendOptions options;
  options.batch = 2;
  Module module = compile(model, options);
  REQUIRE(static_cast<bool>(pass_autodiff.run(module, {})));
  Values values;
  const Func& predict = *module.find("predict");
  for (const Argument& argument : predict.args) {
    Numbers& numbers = values[predict.name_of(argument.value)];
    numbers.resize(static_cast<size_t>(predict.type(argument.value).elements()));
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i + 1);
    if (argument.role == Role::Count) numbers[0] = 2;
  }
  run(module, "predict", values);
  return values.at("output");
}

TEST_CASE("carries, yields and last values") {
  std::string head = "model m(x: f32[B,3]) { reshape[B, 3](x) |> sums }\nfn sums(x: f32[B, T]) {";
  std::string loop = "let y = scan t in T, carry h: f32[B] = 0 { next h = h + x[t]; yield h }; ";
  CHECK(output_of(head + loop + "return y }") == Numbers{1, 3, 6, 4, 9, 15});
  CHECK(output_of(head + loop + "return h }") == Numbers{6, 15});
  CHECK(output_of(head + "scan t in T, carry h: f32[B] = 0, k = h0(x) { next k = k + h; next h = x[t] }; "
                         "return h + 10 * k }\nfn h0(x: f32[B, T]) = x[.., 0]") == Numbers{43, 136});
  CHECK(output_of(head + "scan t in T { yield 2 * x[t] } }") == Numbers{2, 4, 6, 8, 10, 12});
  CHECK(output_of(head + "let (a, b) = scan t in T { yield (x[t], f32(t)) }; return a + 10 * b }") ==
        Numbers{1, 12, 23, 4, 15, 26});
}

TEST_CASE("reversed and unrolled loops") {
  std::string text =
      "model m(x: f32[B,6]) {{ let y = scan t in 6 {}, carry h: f32[B] = 0 {{ next h = 2 * h + x[.., t]; yield h }}\n"
      "  return concat(y, stack(h, h), axis = -1) }}";
  auto with = [&](const char* words) { return output_of(fmt::format(fmt::runtime(text), words)); };
  Numbers forward = with(""), backward = with("reverse");
  CHECK(forward[5] == 120);
  CHECK(backward[0] == 321);
  CHECK(forward[6] == forward[5]);
  CHECK(backward[6] == backward[0]);
  CHECK(with("reverse if false") == forward);
  for (const char* words : {"unroll 2", "unroll 3", "unroll all"}) CHECK(with(words) == forward);
  for (const char* words : {"reverse unroll 2", "reverse unroll all"}) CHECK(with(words) == backward);
}

TEST_CASE("the dimension keeps its place, and any may be taken apart") {
  std::string head = "model m(x: f32[B,2,3]) = f(x)\n";
  CHECK(output_of(head + "fn f(x: f32[B, S, T]) = scan t in T { yield x[t] }") == output_of(head + "fn f(x) = x"));
  CHECK(output_of(head + "fn f(x: f32[B, S, T]) = scan s in S { yield x[s] }") == output_of(head + "fn f(x) = x"));
  CHECK(output_of(head + "fn f(x: f32[B, S, T]) = scan s in S { yield scan t in T { yield x[s][t] + 0 * f32(s) } }") ==
        output_of(head + "fn f(x) = x"));
  // What is made in the iteration is indexed too.
  CHECK(output_of(head + "fn f(x: f32[B, S, T]) = scan t in T { let z = x * f32(t); yield z[t] }") ==
        Numbers{0, 2, 6, 0, 5, 12, 0, 8, 18, 0, 11, 24});
}

TEST_CASE("layers in a loop own one set of parameters, draws are new in each iteration") {
  Module module = compile(
      "model m(x: f32[B,5,2]) = f(x)\nlayer f(x: f32[B, T, I]) {\n"
      "  scan t in T, carry h: f32[B, 3] = 0 { next h = tanh(concat(x[t], h) |> dense[3]) } }");
  CHECK(module.find("init")->results.size() == 2);
  Numbers drawn = output_of(
      "model m(x: f32[B,3]) = f(x)\n"
      "fn f(x: f32[B, T]) = scan t in T { let y = scan s in 2 { yield random_like(x[t]) }; yield "
      "y[.., 0] - y[.., 1] }");
  REQUIRE(drawn.size() == 6);
  for (size_t i = 0; i < drawn.size(); ++i) {
    for (size_t j = 0; j < i; ++j) CHECK(drawn[i] != drawn[j]);
  }
}

// Gradients of sum(y^2), and of the sum of their squares, in x and all parameters, against differences.
static double gradient_error_of(const std::string& layer, int order) {
  FrontendOptions options;
  options.batch = 2;
  Module module = compile("model m(x: f32[B,4,3]) = x |> " + layer, options);
  Func& func = *module.find("predict");
  Builder b(func);
  auto squares = [&](ValueId x) {
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis < b.type(x).rank(); ++axis) axes.push_back(axis);
    return b.cast(b.sum(b.mul(x, x), axes), DType::F64);
  };
  std::vector<ValueId> targets;
  std::vector<size_t> places;
  std::vector<Tensor> args;
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (size_t i = 0; i < func.args.size(); ++i) {
    Type type = func.type(func.args[i].value);
    args.push_back({type, Numbers(static_cast<size_t>(type.elements()))});
    for (double& number : args[i].data) number = uniform(random);
    targets.push_back(func.args[i].value);
    places.push_back(i);
  }
  ValueId loss = squares(func.results[0].value);
  std::vector<ValueId> gradients = b.gradient(loss, targets);
  if (order == 2) {
    loss = squares(gradients[0]);
    for (size_t i = 1; i < gradients.size(); ++i) loss = b.add(loss, squares(gradients[i]));
    gradients = b.gradient(loss, targets);
  }
  func.results.clear();
  b.result(loss, "loss", Role::Output);
  for (size_t i = 0; i < gradients.size(); ++i) b.result(gradients[i], fmt::format("d{}", i), Role::Output);
  REQUIRE(static_cast<bool>(pass_autodiff.run(module, {})));
  return gradient_error(module, *module.find("predict"), places, args, 1e-5, random);
}

TEST_CASE("recurrent layers have first and second derivatives") {
  for (const char* layer : {"rnn[2]", "lstm[2]", "gru[2, reverse = true]", "lstm[2, last = true]"}) {
    CAPTURE(layer);
    CHECK(gradient_error_of(layer, 1) < 1e-6);
    CHECK(gradient_error_of(layer, 2) < 1e-6);
  }
}

TEST_CASE("gradients within and through loops") {
  // d/dx of x^3 t summed over t, as the loop goes: 3 x^2 t.
  CHECK(output_of("model m(x: f32[B,2]) = f(x)\n"
                  "fn f(x: f32[B, I]) = scan t in 3 { yield grad(sum(x^3 * f32(t)), x) }") ==
        Numbers{0, 0, 3, 12, 6, 24, 0, 0, 27, 48, 54, 96});
}
