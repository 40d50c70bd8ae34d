// Products of several tensors, indices, masks and sequences: what the front end makes of them, by the interpreter.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>

#include "tests/frontend/support.h"

using namespace tarn;
using namespace tarn::test;

using Numbers = std::vector<double>;

// The output of `model` for a batch of two rows; parameters p and q hold 1, 2, 3, ...
static Numbers output_of(const std::string& model, Values values) {
  FrontendOptions options;
  options.batch = 2;
  Module module = compile(model, options);
  const Func& predict = *module.find("predict");
  for (const Argument& argument : predict.args) {
    Numbers& numbers = values[predict.name_of(argument.value)];
    numbers.resize(static_cast<size_t>(predict.type(argument.value).elements()));
    if (argument.role == Role::Count) numbers[0] = 2;
    if (argument.role != Role::Param) continue;
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i + 1);
  }
  run(module, "predict", values);
  return values.at("output");
}

TEST_CASE("products with leading dimensions") {
  Values x = {{"x", {1, 0, 0, 1, 1, 1, 2, 0}}};
  // Row by row, [2,2] @ [2,2] of each row; and one p for all rows.
  CHECK(output_of("model m(x: f32[B,2,2]) = x @ x", x) == Numbers{1, 0, 0, 1, 3, 1, 2, 2});
  CHECK(output_of("model m(x: f32[B,2,2]) { param p: f32[2,2] = ones; return x @ p }", x) ==
        Numbers{1, 2, 3, 4, 4, 6, 2, 4});
  // The leading dimension of p is the second of x: f32[B,N,K] as rows of f32[B,N,1,K].
  CHECK(output_of("model m(x: f32[B,2,2]) { param p: f32[2,2,2] = ones; return reshape[B,2,1,2](x) @ p }", x) ==
        Numbers{1, 2, 7, 8, 4, 6, 10, 12});
  CHECK(output_of("model m(x: f32[B,2,2]) { param p: f32[2] = ones; return x @ p }", x) == Numbers{1, 2, 3, 2});
}

TEST_CASE("einsum of one, three and four tensors, with labels that name dimensions") {
  Values x = {{"x", {1, 2, 3, 4}}};
  std::string p = "model m(x: f32[B,2]) { param p: f32[2,2] = ones; param q: f32[2] = ones; ";
  CHECK(output_of(p + "return einsum(\"bk,kn,n->bn\", x, p, q) }", x) == Numbers{7, 20, 15, 44});
  CHECK(output_of(p + "return einsum(\"bk,kn,n,b->bn\", x, p, q, sum(x, over = -1)) }", x) ==
        Numbers{21, 60, 105, 308});
  CHECK(output_of(p + "return einsum(\"bk->b\", x) }", x) == Numbers{3, 7});
  CHECK(output_of(p + "return einsum(\"bk,kn->bkn\", x, p) |> sum(over = k) }", x) == Numbers{7, 10, 15, 22});
  CHECK(output_of(p + "return einsum(\"bk,bs->bks\", x, x) |> sum(over = k) }", x) == Numbers{3, 6, 21, 28});
}

TEST_CASE("gather, scatter_add and positions") {
  Values x = {{"x", {2, 0, 1, 1}}};
  std::string head = "model m(x: class[3][B,2]) { param p: f32[3,2] = ones; ";
  CHECK(output_of(head + "return gather(p, x) }", x) == Numbers{5, 6, 1, 2, 3, 4, 3, 4});
  CHECK(output_of(head + "return gather(transpose(p), x, axis = 1) |> transpose(order = [1, 0, 2]) }", x) ==
        Numbers{5, 1, 6, 2, 3, 3, 4, 4});
  CHECK(output_of(head + "return gather(scatter_add(x, gather(p, x)), x) }", x) == Numbers{5, 6, 1, 2, 6, 8, 6, 8});
  // Each row by indices of its own.
  CHECK(output_of(head + "return gather(gather(p, x), i32(flip(x)), axis = 1, shared = 1) }", x) ==
        Numbers{5, 6, 0, 0, 3, 4, 3, 4});
  CHECK(output_of(head + "return scatter_add(x, gather(p, x), axis = 1, shared = 1) }", x) ==
        Numbers{1, 2, 0, 0, 5, 6, 0, 0, 6, 8, 0, 0});
  CHECK(output_of(head + "return gather(p, x) + float(positions(gather(p, x), axis = -2)) }", x) ==
        Numbers{5, 6, 2, 3, 3, 4, 4, 5});
  CHECK(output_of(head + "return float(arange(3)) @ p }", x) == Numbers{13, 16});
}

TEST_CASE("a causal mask hides what comes later") {
  Numbers p = output_of("model m(x: f32[B,3,3]) = softmax(x |> mask(causal), over = -1)", {});
  for (int i = 0; i < 18; ++i) {
    int query = i / 3 % 3, key = i % 3;
    CHECK(p[static_cast<size_t>(i)] == doctest::Approx(key <= query ? 1.0 / (query + 1) : 0));
  }
}

TEST_CASE("a partial batch trains embeddings and attention exactly") {
  const char* text =
      "data d = npy() {{ x: class[5][3] = \"x.npy\"; y: class[5][3] = \"y.npy\" }}\n"
      "model m(x: class[5][B,3]) = x |> embedding[5, 4] as e |> transformer_block[2, causal = true] as t |> dense[5] "
      "as o\n"
      "train m on d {{ loss = cross_entropy(m(x), y); optimizer = sgd(lr = 1); batch = {}; seed = 3 }}";
  Values small = {{"seed", {3}}, {"count", {2}}, {"x", {0, 1, 2, 4, 4, 3}}, {"y", {1, 2, 0, 4, 3, 3}}}, large = small;
  large["x"].insert(large["x"].end(), {1, 1, 0, 2, 2, 2});
  large["y"].insert(large["y"].end(), {0, 4, 0, 1, 2, 2});
  for (auto [values, batch] : {std::pair(&small, 2), std::pair(&large, 4)}) {
    Module module = compile_expanded(fmt::format(fmt::runtime(text), batch));
    run(module, "init", *values);
    run(module, "train_step", *values);
  }
  CHECK(small.at("loss")[0] == doctest::Approx(large.at("loss")[0]).epsilon(1e-12));
  for (const char* path : {"e.w", "t.attention.qkv.w", "t.norm1.gamma", "o.b"}) {
    for (size_t i = 0; i < small.at(path).size(); ++i) {
      CHECK(small.at(path)[i] == doctest::Approx(large.at(path)[i]).epsilon(1e-9));
    }
  }
}
