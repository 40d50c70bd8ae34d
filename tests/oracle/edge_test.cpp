// Functions of the language where random inputs never land: ties, NaN, infinities, the ends of a range, numbers that
// cancel.  Values and slopes are those of C99, NumPy or PyTorch, or the limit of the function; by the interpreter in f64,
// and as machine code.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "tests/oracle/runner.h"

namespace tarn::oracle {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = std::numbers::pi;

struct Edge {
  const char* text;  // of x: f[B, n]
  std::vector<double> x;
  std::vector<double> values;
  std::vector<double> gradient;  // of the sum of the results; empty: not looked at
};

static const Edge kEdges[] = {
    // Pieces that meet.
    {"atan2(x, 1)", {0, 1, -1}, {0, kPi / 4, -kPi / 4}, {1, 0.5, 0.5}},
    {"atan2(1, x)", {0, 1, -1}, {kPi / 2, kPi / 4, 3 * kPi / 4}, {-1, -0.5, -0.5}},
    {"atan2(0, x)", {1, 2, -1}, {0, 0, kPi}, {0, 0, 0}},
    {"atan2(x, -1)", {0, -0.0, 1}, {kPi, -kPi, 3 * kPi / 4}, {-1, -1, -0.5}},
    {"atan2(x, x)", {kInf, -kInf, 0}, {kPi / 4, -3 * kPi / 4, 0}, {}},
    {"elu(x)", {0, -1e-8, 1, -40, kNan}, {0, -1e-8, 1, -1, kNan}, {1, 1, 1, 4.248354255291589e-18, kNan}},
    {"softplus(x)",
     {0, 100, -40, kInf},
     {std::log(2.0), 100, 4.248354255291589e-18, kInf},
     {0.5, 1, 4.248354255291589e-18, 1}},
    {"clip(x, -1, 1)", {-2, -1, 0, 1, 2, kNan}, {-1, -1, 0, 1, 1, kNan}, {0, 1, 1, 1, 0, 1}},
    {"gelu_tanh(x)", {1e20, -1e20, 0}, {1e20, 0, 0}, {1, 0, 0.5}},
    {"acos(x)", {1, -1, 0}, {0, kPi, kPi / 2}, {-kInf, -kInf, -1}},
    {"asin(x)", {1, -1, 0}, {kPi / 2, -kPi / 2, 0}, {kInf, kInf, 1}},
    {"sinh(x)", {0, 89, -89, 1e-8}, {0, 2.244806e38, -2.244806e38, 1e-8}, {1, 2.244806e38, 2.244806e38, 1}},
    {"cosh(x)", {0, 89, 1e-8}, {1, 2.244806e38, 1}, {0, 2.244806e38, 1e-8}},
    {"expm1(x)", {-40, 0}, {-1, 0}, {4.248354255291589e-18, 1}},
    {"lerp(1e8, x, 1)", {1, 2}, {1, 2}, {1, 1}},
    {"lerp(x, 3e38, 1)", {-3e38, 3e38}, {3e38, 3e38}, {0, 0}},
    // Order and NaN.
    {"sort(x)", {3, kNan, 1, 2, 0}, {0, 1, 2, 3, kNan}, {1, 1, 1, 1, 1}},
    {"sort(x)", {kNan, kNan, kNan}, {kNan, kNan, kNan}, {}},
    {"sort(x, descending = true)", {3, kNan, 1}, {kNan, 3, 1}, {}},
    {"f32(argsort(x))", {3, kNan, 1, kNan}, {2, 0, 1, 3}, {}},
    {"f32(argmax(x, over = -1))", {3, kNan, 5, kNan}, {1}, {}},
    {"f32(argmin(x, over = -1))", {3, kNan, 1}, {1}, {}},
    {"f32(argmin(x, over = -1))", {3, 1, 1}, {1}, {}},
    {"f32(argmax(x, over = -1))", {-kInf, -kInf}, {0}, {}},
    {"max(x, over = -1, ties = \"first\")", {1, kNan, 2, 3}, {kNan}, {0, 1, 0, 0}},
    // Infinities in sums of exponentials.
    {"logsumexp(x, over = -1)", {-kInf, -kInf}, {-kInf}, {0, 0}},
    {"logsumexp(x, over = -1)", {kInf, 1}, {kInf}, {}},
    {"logsumexp(x, over = -1)", {-kInf, 1}, {1}, {0, 1}},
    {"logsumexp(x, over = -1)", {kNan, 1}, {kNan}, {}},
    {"softmax(x)", {-kInf, -kInf}, {0, 0}, {0, 0}},
    {"softmax(x)", {-kInf, 1, 1}, {0, 0.5, 0.5}, {0, 0, 0}},
    {"log_softmax(x)", {-kInf, 1}, {-kInf, 0}, {}},
    // A carry of a loop that grows without bound, beside the one that is read.
    {"scan t in 2, carry a = x, carry b = x { next a = 0.5 * a; next b = exp(1000 * b); yield a }",
     {2, 4},
     {1, 2, 0.5, 1},
     {0.75, 0.75}},
    // Second derivatives through values that a first one takes for constants.
    {"grad(sum(softplus(x)), x)", {0, 0}, {0.5, 0.5}, {0.25, 0.25}},
    {"grad(huber(x, 0 * x), x)", {0, 0}, {0, 0}, {0.5, 0.5}},
    {"grad(sum(prod(x, over = 1)), x)", {0, 3, 5}, {15, 0, 0}, {8, 5, 3}},
    {"grad(sum(prod(x, over = 1)), x)", {0, 0, 5}, {0, 0, 0}, {5, 5, 0}},
};

static void check_numbers(const std::vector<double>& found, const std::vector<double>& expected, double tolerance) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    if (std::isnan(expected[i])) {
      CHECK(std::isnan(found[i]));
    } else if (std::isinf(expected[i]) || expected[i] == 0) {
      CHECK(found[i] == expected[i]);
    } else {
      CHECK(std::abs(found[i] - expected[i]) <= tolerance * std::abs(expected[i]));
    }
  }
}

// `text`: of z, a row of numbers.
static Module module_of(const Edge& edge, const std::string& text, const char* dtype) {
  return compile_text("unit", fmt::format("fn f(x: float) = {2}\n"
                                          "model unit(z: {0}[B, {1}]) = {3}\n",
                                          dtype, edge.x.size(), edge.text, text));
}

static void check(const std::function<std::unique_ptr<Runner>(Module)>& make, const Edge& edge, const char* dtype,
                  double tolerance) {
  auto result_of = [&](const char* text) {
    std::unique_ptr<Runner> runner = make(module_of(edge, text, dtype));
    runner->set_input(0, edge.x);
    return runner->predict();
  };
  check_numbers(result_of("f(z)"), edge.values, tolerance);
  if (!edge.gradient.empty()) check_numbers(result_of("grad(sum(f(z)), z)"), edge.gradient, tolerance);
}

TEST_CASE("functions where their pieces meet, at NaN, at infinity and where numbers cancel") {
  PipelineOptions only_gradients;
  only_gradients.passes = {"autodiff"};
  for (const Edge& edge : kEdges) {
    CAPTURE(std::string(edge.text));
    auto interpret = [&](Module module) { return interpret_runner(std::move(module), only_gradients); };
    auto fast = [](Module module) { return jit_runner(std::move(module), "native", 2); };
    auto plain = [](Module module) { return jit_runner(std::move(module), "x86-64", 0); };
    check(interpret, edge, "f64", 1e-6);
    check(fast, edge, "f64", 1e-6);
    check(fast, edge, "f32", 2e-6);
    check(plain, edge, "f32", 2e-6);
  }
}

TEST_CASE("clip_norm: finite gradients whose squares are not") {
  std::unique_ptr<Runner> runner =
      jit_runner(compile_text("clip",
                              "data d = npy() { x: f32[2] = \"x.npy\" }\n"
                              "model m(x: f32[B, 2]) { param w: f32[2] = zeros; return w * x }\n"
                              "train m on d { loss = sum(m(x)); batch = 1; clip_norm = 1; optimizer = sgd(1) }\n"),
                 "native", 2);
  runner->init();
  runner->set_input(0, std::vector<double>{3e36, 4e36});
  runner->train_step();
  check_numbers(runner->get("w"), {-0.6, -0.8}, 1e-6);
}

TEST_CASE("uniform never draws its upper end") {
  std::unique_ptr<Runner> runner = jit_runner(
      compile_text("draws", "model m(x: f32[B, 65536]) = x + uniform[65536](16777215, 16777216)\n"), "native", 2);
  runner->init();
  runner->set_input(0, std::vector<double>(65536, 0.0));
  for (double value : runner->predict()) REQUIRE(value == 16777215);
}

}  // namespace tarn::oracle
