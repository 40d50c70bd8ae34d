// What the front end makes of whole programs: entry points, records, parameter paths, and that partial batches, states
// and schedules compute what they should.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "ir/print.h"
#include "tests/frontend/support.h"

using namespace tarn;
using namespace tarn::test;

static std::vector<std::string> paths_of(const Module& module, Role role) {
  std::vector<std::string> paths;
  for (const FuncResult& result : module.find("init")->results) {
    if (result.role == role) paths.push_back(result.name);
  }
  return paths;
}

static std::vector<double> draw(size_t count, uint32_t seed, double low = -1, double high = 1) {
  std::mt19937 generator(seed);
  std::vector<double> values(count);
  for (double& value : values) value = low + (high - low) * (generator() / 4294967296.0);
  return values;
}

TEST_CASE("every example compiles") {
  for (const char* name : {"mnist", "digits", "iris"}) {
    CAPTURE(name);
    Module module = compile(read_file(fmt::format("examples/{}.tarn", name)));
    for (const char* entry : {"init", "train_step", "eval_step", "predict"}) CHECK(module.find(entry) != nullptr);
  }
}

TEST_CASE("records and arguments of the MNIST example") {
  Module module = compile(read_file("examples/mnist.tarn"));
  const Record* data = module.find_record("data");
  REQUIRE(data != nullptr);
  CHECK(attr_string(data->attrs, "format") == "idx");
  CHECK(attr_float(data->attrs, "valid") == 0.2);
  CHECK(attr_int(module.find_record("input", "labels")->attrs, "classes") == 10);
  CHECK(batch_of(module) == 32);
  CHECK(paths_of(module, Role::Param) ==
        std::vector<std::string>{"fc1.w", "fc1.b", "fc2.w", "fc2.b", "out.w", "out.b"});
  const Func& step = *module.find("train_step");
  for (const Argument& argument : step.args) {
    if (step.name_of(argument.value) == "images") CHECK(step.type(argument.value) == Type{DType::U8, {32, 784}});
    if (step.name_of(argument.value) == "lr") CHECK(argument.initial == 0.001);
  }
  for (const Op& op : step.ops) {
    CHECK(op.location.is_known());
    CHECK(op.location.file == "test.tarn");  // the user's text, never the library's
  }
}

constexpr const char* kData = "data d = csv(\"d.csv\") { x: f32[4] = cols[0..4]; y: class[3] = cols[4] }\n";

TEST_CASE("parameter paths are binding paths") {
  Module module =
      compile(std::string(kData) +
              "layer block[F](x) { param scale: f32[F] = ones; return scale * (x |> dense[F] |> dense[F] as last) }\n"
              "model m(x: f32[B,4]) { use f = dense[4]; let h = x |> f |> f |> block[6] |> block[5]\n"
              "  return h |> for F in [7, 8] { dense[F] as wide |> dense[F] } |> dense[3] }\n"
              "train m on d { loss = cross_entropy(m(x), y); optimizer = sgd(lr = 0.1) }");
  std::vector<std::string> expected = {"f.w",
                                       "f.b",
                                       "block.1.scale",
                                       "block.1.dense.1.w",
                                       "block.1.dense.1.b",
                                       "block.1.last.w",
                                       "block.1.last.b",
                                       "block.2.scale",
                                       "block.2.dense.1.w",
                                       "block.2.dense.1.b",
                                       "block.2.last.w",
                                       "block.2.last.b",
                                       "wide.1.w",
                                       "wide.1.b",
                                       "dense.1.w",
                                       "dense.1.b",
                                       "wide.2.w",
                                       "wide.2.b",
                                       "dense.2.w",
                                       "dense.2.b",
                                       "dense.3.w",
                                       "dense.3.b"};
  CHECK(paths_of(module, Role::Param) == expected);
}

TEST_CASE("a branch of training only does not shift the names of other layers") {
  Module module =
      compile(std::string(kData) +
              "model m(x: f32[B,4]) { let h = if training { x |> dense[4] } else { x }\n return h |> dense[3] }\n"
              "train m on d { loss = cross_entropy(m(x), y); optimizer = sgd(lr = 0.1) }");
  CHECK(paths_of(module, Role::Param) ==
        std::vector<std::string>{"training.dense.1.w", "training.dense.1.b", "dense.1.w", "dense.1.b"});
}

TEST_CASE("const, -D, --batch and models without training") {
  FrontendOptions options;
  options.defines["H"] = "9";
  options.batch = 7;
  Module module = compile("const H = 8\nmodel m(x: f32[B,4]) = x |> dense[H] as fc\n", options);
  CHECK(module.find("train_step") == nullptr);
  const Func& predict = *module.find("predict");
  CHECK(predict.type(predict.results[0].value).shape == Shape{7, 9});
}

TEST_CASE("several models share a step under their own names") {
  Module module = compile(std::string(kData) +
                          "model g(x: f32[B,4]) = x |> dense[4]\nmodel m(x: f32[B,4]) = x |> dense[3]\n"
                          "train m on d { loss = cross_entropy(m(g(x)), y); optimizer = sgd(lr = 0.1) }");
  CHECK(paths_of(module, Role::Param) ==
        std::vector<std::string>{"g.dense.1.w", "g.dense.1.b", "m.dense.1.w", "m.dense.1.b"});
}

TEST_CASE("every layer and loss of the library makes sound programs") {
  for (const char* layer :
       {"dense[5]", "dense[Out = 5, bias = false, init = he_normal]", "dropout[0.5]", "batch_norm", "layer_norm",
        "dense[5, init = uniform(-0.1, 0.1)]", "dense[5, init = normal(0, 0.02)]", "dense[5, init = constant[0.5]]",
        "dense[5, init = xavier_normal[gain = 2]]", "dense[5, init = he_uniform[fan_in = 3]]"}) {
    CAPTURE(layer);
    compile_expanded(std::string(kData) +
                     fmt::format("model m(x: f32[B,4]) = x |> dense[4] |> {} |> dense[3]\n", layer) +
                     "train m on d { loss = cross_entropy(m(x), y); optimizer = adam(lr = 0.1) }");
  }
  for (const char* function : {"sigmoid", "tanh", "relu", "leaky_relu", "leaky_relu(slope = 0.2)", "elu", "gelu",
                               "gelu_tanh", "silu", "softplus", "softmax", "log_softmax", "square", "clamp(-1, 1)"}) {
    CAPTURE(function);
    compile_expanded(std::string(kData) +
                     fmt::format("model m(x: f32[B,4]) = x |> dense[4] |> {} |> dense[3]\n", function) +
                     "train m on d { loss = cross_entropy(m(x), y); optimizer = adam(lr = 0.1) }");
  }
  for (const char* loss : {"mean_squared_error", "mse", "mean_absolute_error", "huber", "binary_cross_entropy"}) {
    CAPTURE(loss);
    compile_expanded(
        "data d = csv(\"d.csv\") { x: f32[4] = cols[0..4]; y: f32[2] = cols[4..6] }\nmodel m(x: f32[B,4]) = x |> "
        "dense[2]\n" +
        fmt::format(
            "train m on d {{ loss = {}(m(x), y); metric a = binary_accuracy(m(x), y); optimizer = sgd(lr = 0.1) }}",
            loss));
  }
}

// A batch with `count` valid rows of `batch`, and any garbage after them, trains exactly as a batch of just those rows.
TEST_CASE("partial batches are exact") {
  auto program = [](int64_t batch) {
    return std::string(kData) +
           "model m(x: f32[B,4]) { let n = x |> dense[6] |> batch_norm |> tanh\n"
           "  let centred = n - mean(n, over = 0)\n let far = n / max(n, over = [B])\n"
           "  let cov = einsum(\"bi,bj->ij\", n, n) / B\n"
           "  return (centred + far) @ cov |> dense[3] }\n" +
           fmt::format(
               "train m on d {{ loss = cross_entropy(m(x), y) + 0.1 * mean(norm(grad(sum(m(x)), x), over = -1)^2)\n"
               "  metric a = accuracy(m(x), y); optimizer = sgd(lr = 0.1); batch = {}; clip_norm = 0.5 }}",
               batch);
  };
  Module whole = compile_expanded(program(8)), part = compile_expanded(program(5));
  std::vector<double> x = draw(8 * 4, 1), y = {0, 1, 2, 0, 1, 2, 2, 2};
  Values big = {{"seed", {3}}};
  run(whole, "init", big);
  Values small = big;
  for (double value : big["dense.1.b"]) CHECK(value == 0);
  big["count"] = small["count"] = {5};
  big["x"] = x;
  big["y"] = y;
  small["x"] = std::vector<double>(x.begin(), x.begin() + 20);
  small["y"] = std::vector<double>(y.begin(), y.begin() + 5);
  for (int step = 0; step < 3; ++step) {
    run(whole, "train_step", big);
    run(part, "train_step", small);
    for (const auto& [name, values] : small) {
      if (name == "x" || name == "y") continue;
      CAPTURE(name);
      REQUIRE(values.size() == big[name].size());
      for (size_t i = 0; i < values.size(); ++i) CHECK(big[name][i] == doctest::Approx(values[i]).epsilon(1e-10));
    }
  }
  CHECK(big["step"][0] == 3);
  run(whole, "eval_step", big);
  run(part, "eval_step", small);
  CHECK(big["loss"][0] == doctest::Approx(small["loss"][0]).epsilon(1e-10));
  CHECK(big["a"][0] == small["a"][0]);
}

// One weight with the gradient 1 and a learning rate of `schedule`: the weight's fall is the rate.
static std::vector<double> rates(const std::string& schedule, int total, int steps) {
  Module module = compile_expanded(
      "data d = csv(\"d.csv\") { x: f32[1] = cols[0] }\nmodel m(x: f32[B,1]) { param w: f32[1] = zeros; return w * x "
      "}\n"
      "hyper peak = 0.5\nfn inverse_sqrt(lr0, delta, t) = lr0 / sqrt(1 + delta * t)\n"
      "train m on d { loss = mean(m(x)); batch = 1; optimizer = sgd(lr = " +
      schedule + ") }");
  Values values = {{"seed", {1}}, {"x", {1}}, {"count", {1}}, {"peak", {0.5}}, {"total_steps", {double(total)}},
                   {"epoch", {0}}};
  run(module, "init", values);
  std::vector<double> result;
  for (int step = 0; step < steps; ++step) {
    double before = values["w"][0];
    run(module, "train_step", values);
    result.push_back(before - values["w"][0]);
  }
  return result;
}

static void check_rates(const std::vector<double>& actual, const std::vector<double>& expected) {
  REQUIRE(actual.size() == expected.size());
  for (size_t i = 0; i < actual.size(); ++i) CHECK(actual[i] == doctest::Approx(expected[i]).epsilon(1e-9));
}

TEST_CASE("schedules") {
  check_rates(rates("linear(1 -> 0)", 4, 6), {1, 0.75, 0.5, 0.25, 0, 0});
  check_rates(rates("cosine(1 -> 0)", 4, 4), {1, (1 + std::sqrt(0.5)) / 2, 0.5, (1 - std::sqrt(0.5)) / 2});
  check_rates(rates("warmup(4) then linear(1 -> 0)", 8, 9), {0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25, 0});
  check_rates(rates("warmup(2) then hold(peak, 2) then linear(peak -> 0)", 6, 6), {0.25, 0.5, 0.5, 0.5, 0.5, 0.25});
  check_rates(rates("stairs(1, 0.1, every = 2)", 8, 5), {1, 1, 0.1, 0.1, 0.01});
  check_rates(rates("exponential(1, 0.5)", 8, 3), {1, 0.5, 0.25});
  check_rates(rates("inverse_sqrt(1, 3, step)", 8, 2), {1, 0.5});
}

TEST_CASE("freezing: for ever and until an epoch") {
  Module module = compile_expanded(std::string(kData) +
                                   "model m(x: f32[B,4]) = x |> dense[4] as a |> dense[4] as b |> dense[3] as c\n"
                                   "train m on d { loss = cross_entropy(m(x), y); batch = 2\n"
                                   " optimizer = adam(lr = 0.1) { freeze \"a.*\"; freeze \"b.*\" until epoch 1 } }");
  Values values = {{"seed", {1}}, {"x", draw(8, 1)}, {"y", {0, 2}}, {"count", {2}}, {"epoch", {0}}};
  run(module, "init", values);
  CHECK(values.count("a.w.m") == 0);  // no slots, for it is never updated
  Values before = values;
  run(module, "train_step", values);
  CHECK(values["a.w"] == before["a.w"]);
  CHECK(values["b.w"] == before["b.w"]);
  CHECK(values["b.w.m"] == before["b.w.m"]);
  CHECK(values["c.w"] != before["c.w"]);
  values["epoch"] = {1};
  run(module, "train_step", values);
  CHECK(values["a.w"] == before["a.w"]);
  CHECK(values["b.w"] != before["b.w"]);
}

// The first step of Adam moves each weight by the rate, in the direction of its gradient: bias correction counts from
// the thaw, where the averages begin.
TEST_CASE("an optimizer's step counts those in which the parameter took part") {
  Module module = compile_expanded(
      "data d = csv(\"d.csv\") { x: f32[1] = cols[0..1] }\n"
      "model m(x: f32[B,1]) { param a: f32[1] = zeros; param b: f32[1] = zeros; return (a + b) * x }\n"
      "train m on d { loss = sum(m(x)); batch = 1\n optimizer = adam(lr = 0.01, eps = 0) { freeze \"b\" until epoch 1 "
      "} }");
  Values values = {{"seed", {1}}, {"x", {3}}, {"count", {1}}, {"epoch", {0}}};
  run(module, "init", values);
  for (int step = 1; step <= 6; ++step) {
    values["epoch"] = {step <= 3 ? 0.0 : 1.0};
    run(module, "train_step", values);
    CHECK(values["a"][0] == doctest::Approx(-0.01 * step).epsilon(1e-6));
    CHECK(values["b"][0] == doctest::Approx(-0.01 * std::max(step - 3, 0)).epsilon(1e-6));
  }
  CHECK(values["b.t"][0] == 3);
}

TEST_CASE("two calls of a model with dropout are two draws, and a metric sees the first of the loss") {
  Module module = compile_expanded(
      "data d = csv(\"d.csv\") { x: f32[64] = cols[0..64] }\n"
      "model m(x: f32[B,64]) { param w: f32[64] = ones; return (w * x) |> dropout[0.5] }\n"
      "train m on d { let a = m(x); loss = sum(m(x) * m(x)); batch = 1; optimizer = sgd(lr = 0)\n"
      " metric first = sum(m(x)); metric same = sum(a * m(x)); metric squares = sum(m(x) * m(x)) }");
  Values values = {{"seed", {5}}, {"x", std::vector<double>(64, 1)}, {"count", {1}}, {"step", {0}}};
  run(module, "init", values);
  run(module, "train_step", values);
  // An entry that is kept is 2: both draws keep about 16 of 64, one keeps about 32.
  CHECK(values["loss"][0] / 4 == doctest::Approx(16).epsilon(0.6));
  CHECK(values["same"][0] == 2 * values["first"][0]);
  CHECK(values["squares"][0] == values["loss"][0]);
  CHECK(values["loss"][0] != values["same"][0]);
}

TEST_CASE("dropout: the rate holds, what stays is scaled, evaluation changes nothing") {
  Module module = compile_expanded(
      "data d = csv(\"d.csv\") { x: f32[64] = cols[0..64] }\n"
      "model m(x: f32[B,64]) { param w: f32[64] = ones; return (w * x) |> dropout[0.25] }\n"
      "train m on d { loss = sum(m(x)); batch = 64; optimizer = sgd(lr = 0) }");
  Values values = {{"seed", {5}}, {"x", std::vector<double>(64 * 64, 1)}, {"count", {64}}};
  run(module, "init", values);
  run(module, "train_step", values);
  double kept = values["loss"][0] * 0.75 / 4096;
  CHECK(kept == doctest::Approx(0.75).epsilon(0.04));  // 4 standard deviations of 4096 draws
  double first = values["loss"][0];
  run(module, "train_step", values);
  CHECK(values["loss"][0] != first);  // new draws in every step
  run(module, "eval_step", values);
  CHECK(values["loss"][0] == 4096);
}

TEST_CASE("initialisers have their mean and spread") {
  Module module = compile(
      "model m(x: f32[B,100]) = x |> dense[200, init = xavier_uniform] as a |> dense[100, init = he_normal] as b\n"
      "  |> dense[100, init = normal(1, 2)] as c |> dense[50, init = uniform(2, 4)] as e\n");
  Values values = {{"seed", {5}}};
  run(module, "init", values);
  auto check = [&](const char* name, double mean, double deviation) {
    CAPTURE(name);
    double sum = 0, square = 0, count = static_cast<double>(values[name].size());
    for (double value : values[name]) sum += value, square += (value - mean) * (value - mean);
    CHECK(std::fabs(sum / count - mean) < 5 * deviation / std::sqrt(count));
    CHECK(std::sqrt(square / count) == doctest::Approx(deviation).epsilon(0.03));
  };
  check("a.w", 0, std::sqrt(2.0 / 300));
  check("b.w", 0, std::sqrt(2.0 / 200));
  check("c.w", 1, 2);
  check("e.w", 3, 2 / std::sqrt(12.0));
}

TEST_CASE("the module carries the batch, whatever the inputs' first dimensions are") {
  const char* text = "model net(x: f32[B,4], z: f32[10]) = concat(x, x * sum(z)) |> dense[2]\n";
  CHECK(batch_of(compile(text)) == 1);
  FrontendOptions options;
  options.batch = 6;
  CHECK(batch_of(compile(text, options)) == 6);
}

TEST_CASE("npy files, columns by name, and fields that calculate") {
  Module module = compile(
      "data d = npy(valid = 0.1) { x: f32[2, 2] = file(\"a b.npy\", test = \"t.npy\") / 2; y: class[3] = \"y.npy\" }\n"
      "model m(x: f32[B,2,2]) = x |> flatten |> dense[3]\n"
      "train m on d { loss = cross_entropy(m(x), y); optimizer = sgd(lr = 0.1) }");
  const Record* x = module.find_record("input", "x.a_b_npy");
  REQUIRE(x != nullptr);
  CHECK(attr_string(x->attrs, "source") == "a b.npy");
  CHECK(attr_string(x->attrs, "test_source") == "t.npy");
  REQUIRE(module.find_record("input", "y") != nullptr);
  Module table = compile(
      "data d = csv(\"d.csv\", split_seed = 3) { x: f32[2] = cols[0..2] - cols[\"c\", \"d e\"]; y: class[3] = "
      "cols[\"kind\"] }\n"
      "model m(x: f32[B,2]) = x |> dense[3]\n"
      "train m on d { loss = cross_entropy(m(x), y); optimizer = sgd(lr = 0.1) }");
  CHECK(table.find_record("input", "x.cols_0_2") != nullptr);
  CHECK(table.find_record("input", "x.cols_c") != nullptr);
}

TEST_CASE("the library means its own names, whatever the user calls so") {
  const std::string text =
      "data d = csv(\"d.csv\") { x: f32[4] = cols[0..4]; y: f32[4] = cols[4..8] }\n"
      "model net(x: f32[B, 4]) = x |> dense[4] |> softplus |> dense[4]\n"
      "train net on d { loss = mse(net(x), y); optimizer = adam(lr = 0.1) }\n";
  std::string plain = tarn::print(test::compile(text));
  std::string hidden = tarn::print(test::compile(
      "const In = 3\nconst Out = 7\nfn mean_squared_error(x, y) = 3\nfn mean(x) = 3\nfn lerp(a, b, c) = a\n"
      "init xavier_uniform = 5\n" +
      text));
  CHECK(hidden == plain);
}
