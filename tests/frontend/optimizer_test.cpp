// The library's optimizers against plain f64 loops written from the papers, over 200 steps.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <functional>

#include "tests/frontend/support.h"

using namespace tarn;
using namespace tarn::test;

struct State {
  std::vector<double> p, m, v;
};

// Loss = sum c_i (p_i - a_i)^2 / 2 with a target that moves with the step: gradients of changing sign and size.
static double gradient_of(double p, size_t i, int step) {
  return (1 + static_cast<double>(i)) * (p - std::sin(0.1 * step + static_cast<double>(i)));
}

static void check_optimizer(const std::string& optimizer,
                            const std::function<void(State&, const std::vector<double>&, int)>& update) {
  CAPTURE(optimizer);
  constexpr size_t kSize = 5;
  Module module = compile_expanded(
      "hyper warm = 0.9\ndata d = csv(\"d.csv\") { x: f32[5] = cols[0..5] }\n"
      "model m(x: f32[B,5]) { param p: f32[5] = zeros; return p - x }\n"
      "train m on d { loss = 0.5 * sum(m(x)^2 * c(x)); batch = 1; optimizer = " +
      optimizer +
      " }\n"
      "fn c(x) = concat(0 * x[.., 0..1] + 1, 0 * x[.., 0..1] + 2, 0 * x[.., 0..1] + 3, 0 * x[.., 0..1] + 4, 0 * x[.., "
      "0..1] + 5)");
  Values values = {{"seed", {1}}, {"count", {1}}, {"warm", {0.9}}, {"total_steps", {200}}, {"epoch", {0}}};
  run(module, "init", values);
  values["p"] = {1, -2, 0.5, 3, -0.25};
  State state{values["p"], std::vector<double>(kSize), std::vector<double>(kSize)};
  for (int step = 0; step < 200; ++step) {
    std::vector<double> target(kSize), gradient(kSize);
    for (size_t i = 0; i < kSize; ++i) {
      target[i] = std::sin(0.1 * step + static_cast<double>(i));
      gradient[i] = gradient_of(state.p[i], i, step);
    }
    values["x"] = target;
    run(module, "train_step", values);
    update(state, gradient, step + 1);
  }
  for (size_t i = 0; i < kSize; ++i) CHECK(values["p"][i] == doctest::Approx(state.p[i]).epsilon(1e-12));
}

static auto sgd(double lr, double momentum, bool nesterov, double decay) {
  return [=](State& s, const std::vector<double>& g, int) {
    for (size_t i = 0; i < g.size(); ++i) {
      double d = g[i] + decay * s.p[i];
      s.m[i] = momentum * s.m[i] + d;
      s.p[i] -= lr * (nesterov ? d + momentum * s.m[i] : momentum > 0 ? s.m[i] : d);
    }
  };
}

static auto adam(double lr, double b1, double b2, double eps, double decay) {
  return [=](State& s, const std::vector<double>& g, int t) {
    for (size_t i = 0; i < g.size(); ++i) {
      s.m[i] = b1 * s.m[i] + (1 - b1) * g[i];
      s.v[i] = b2 * s.v[i] + (1 - b2) * g[i] * g[i];
      double m = s.m[i] / (1 - std::pow(b1, t)), v = s.v[i] / (1 - std::pow(b2, t));
      s.p[i] -= lr * decay * s.p[i] + lr * m / (std::sqrt(v) + eps);
    }
  };
}

static auto rmsprop(double lr, double alpha, double eps, double momentum) {
  return [=](State& s, const std::vector<double>& g, int) {
    for (size_t i = 0; i < g.size(); ++i) {
      s.v[i] = alpha * s.v[i] + (1 - alpha) * g[i] * g[i];
      s.m[i] = momentum * s.m[i] + g[i] / (std::sqrt(s.v[i]) + eps);
      s.p[i] -= lr * s.m[i];
    }
  };
}

static auto adagrad(double lr, double eps) {
  return [=](State& s, const std::vector<double>& g, int) {
    for (size_t i = 0; i < g.size(); ++i) {
      s.v[i] += g[i] * g[i];
      s.p[i] -= lr * g[i] / (std::sqrt(s.v[i]) + eps);
    }
  };
}

TEST_CASE("optimizers over 200 steps") {
  check_optimizer("rmsprop(0.01)", rmsprop(0.01, 0.99, 1e-8, 0));
  check_optimizer("rmsprop(0.01, alpha = 0.9, eps = 1e-4, momentum = 0.8)", rmsprop(0.01, 0.9, 1e-4, 0.8));
  check_optimizer("adagrad(0.1)", adagrad(0.1, 1e-10));
  check_optimizer("sgd(lr = 0.01)", sgd(0.01, 0, false, 0));
  check_optimizer("sgd(0.01, momentum = 0.9)", sgd(0.01, 0.9, false, 0));
  check_optimizer("sgd(0.01, momentum = warm)", sgd(0.01, 0.9, false, 0));
  check_optimizer("sgd(0.01, momentum = 0.9, nesterov = true)", sgd(0.01, 0.9, true, 0));
  check_optimizer("sgd(0.01, momentum = 0.8, weight_decay = 0.1)", sgd(0.01, 0.8, false, 0.1));
  check_optimizer("adam(lr = 0.01)", adam(0.01, 0.9, 0.999, 1e-8, 0));
  check_optimizer("adam(lr = 0.05, b1 = 0.8, b2 = 0.99, eps = 1e-4)", adam(0.05, 0.8, 0.99, 1e-4, 0));
  check_optimizer("adamw(lr = 0.01, decay = 0.2)", adam(0.01, 0.9, 0.999, 1e-8, 0.2));
  check_optimizer("adamw(lr = 0.01, decay = 0.2) { group \"p\": decay = 0 }", adam(0.01, 0.9, 0.999, 1e-8, 0));
  check_optimizer("adamw(lr = 1) { group \"*\": lr = 0.02, decay = 0.1 }", adam(0.02, 0.9, 0.999, 1e-8, 0.1));
}
