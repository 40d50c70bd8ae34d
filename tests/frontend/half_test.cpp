// f16 and bf16 in the language: types, conversions, parameters, slots of another width; integers that f64 does not hold.
#include <doctest/doctest.h>

#include <cmath>

#include "ir/half.h"
#include "tests/frontend/support.h"

using namespace tarn;
using namespace tarn::test;

static const std::string kNet = R"(
data d = csv("d.csv") { x: f16[3] = cols[0..3]; y: f32[1] = cols[3..4] }
optimizer steady(p, g, t; lr) {
  state m: f32 = zeros
  update m = 0.5 * m + f32(g)
  update p = f16(f32(p) - lr * m)
}
model net(x: f16[B,3]) -> f32[B,1] { param w: f16[3,1] = uniform(-1, 1); return f32(x @ w) + f32(bf16(0.1)) }
train net on d { loss = mean((net(x) - y)^2); batch = 2; optimizer = steady(lr = 0.125) }
)";

TEST_CASE("a parameter of f16 learns by slots of f32") {
  Module module = compile_expanded(kNet);
  const Func& step = *module.find("train_step");
  std::map<std::string, DType> dtypes;
  for (const Argument& arg : step.args) dtypes[step.name_of(arg.value)] = step.type(arg.value).dtype;
  CHECK(dtypes.at("w") == DType::F16);
  CHECK(dtypes.at("w.m") == DType::F32);
  CHECK(dtypes.at("x") == DType::F16);
  Values values = {{"seed", {1}}, {"count", {2}}, {"total_steps", {1}}, {"epoch", {0}}};
  run(module, "init", values);
  for (double w : values["w"]) CHECK(round_to_half(w, DType::F16) == w);
  std::vector<double> w = {0.5, -0.25, 1}, x = {1, 2, 3, -1, 0.5, 2}, y = {1, -1};
  values["w"] = w;
  values["x"] = x;
  values["y"] = y;
  run(module, "train_step", values);
  constexpr double kTenth = 0x1.9ap-4;  // 0.1 in 8 digits of two
  std::vector<double> m(3);
  for (size_t row = 0; row < 2; ++row) {
    double out = kTenth;
    for (size_t i = 0; i < 3; ++i) out += x[3 * row + i] * w[i];
    // The cotangent of x @ w is of its dtype.
    double slope = round_to_half(out - y[row], DType::F16);
    for (size_t i = 0; i < 3; ++i) m[i] += slope * x[3 * row + i];
  }
  for (size_t i = 0; i < 3; ++i) {
    m[i] = round_to_half(m[i], DType::F16);
    CHECK(values["w.m"][i] == doctest::Approx(m[i]).epsilon(1e-12));
    CHECK(values["w"][i] == round_to_half(w[i] - 0.125 * m[i], DType::F16));
  }
}

TEST_CASE("an integer that f64 does not hold is written in two parts") {
  Module module = compile(R"(
data d = npy() { n: i64[1] = "n.npy"; y: f32[1] = "y.npy" }
model net(n: i64[B,1]) { param w: f32[1] = zeros; return f32(n + 9007199254740993) * w }
train net on d { loss = mean((net(n) - y)^2); optimizer = sgd(lr = 0.1) }
)");
  std::vector<double> constants;
  for (const Op& op : module.find("train_step")->ops) {
    if (op.def->name == "constant" && attr_string(op.attrs, "dtype") == "i64")
      constants.push_back(attr_float(op.attrs, "value"));
  }
  REQUIRE(constants.size() >= 3);
  constants.resize(3);  // others count the steps
  CHECK(constants == std::vector<double>{2097152, 0x1p32, 1});
}
