// The interpreter against numbers worked out by hand.
#include <doctest/doctest.h>

#include <cmath>

#include "ir/builder.h"
#include "ir/interpret.h"

namespace tarn {
namespace {

constexpr double kNan = NAN;

Tensor f32(Shape shape, std::vector<double> data) {
  return {{DType::F32, std::move(shape)}, std::move(data)};
}

// The result of one op on tensors.
std::vector<double> apply(std::string_view name, std::vector<Tensor> inputs, Attrs attrs = {},
                          const InterpretOptions& options = {}) {
  Module module;
  Func& func = module.funcs.emplace_back();
  func.name = "f";
  Builder b(func);
  std::vector<ValueId> operands;
  for (const Tensor& input : inputs) operands.push_back(b.argument(input.type, "x", Role::Input));
  b.result(b.op(name, operands, std::move(attrs)), "y", Role::Output);
  Result<std::vector<Tensor>> results = interpret(module, func, std::move(inputs), options);
  REQUIRE(static_cast<bool>(results));
  return (*results)[0].data;
}

using Numbers = std::vector<double>;
using Ints = std::vector<int64_t>;

}  // namespace

TEST_CASE("contract: products, transposes, batches, outer and inner products") {
  Tensor a = f32({2, 3}, {1, 2, 3, 4, 5, 6}), b = f32({3, 2}, {7, 8, 9, 10, 11, 12});
  CHECK(apply("contract", {a, b}, {{"spec", "bk,kn->bn"}}) == Numbers{58, 64, 139, 154});
  CHECK(apply("contract", {a, b}, {{"spec", "bk,kn->nb"}}) == Numbers{58, 139, 64, 154});
  CHECK(apply("contract", {a, a}, {{"spec", "mk,nk->mn"}}) == Numbers{14, 32, 32, 77});
  CHECK(apply("contract", {a, a}, {{"spec", "ab,ab->ab"}}) == Numbers{1, 4, 9, 16, 25, 36});
  CHECK(apply("contract", {a, a}, {{"spec", "ab,ab->"}}) == Numbers{91});
  CHECK(apply("contract", {a, a}, {{"spec", "ab,ab->b"}}) == Numbers{17, 29, 45});
  CHECK(apply("contract", {f32({2}, {1, 2}), f32({2}, {3, 5})}, {{"spec", "m,n->mn"}}) == Numbers{3, 5, 6, 10});
  CHECK(apply("contract", {f32({2, 0}, {}), f32({0, 1}, {})}, {{"spec", "bk,kn->bn"}}) == Numbers{0, 0});
}

TEST_CASE("gather and scatter_add: rows, columns, repeated indices, indices outside") {
  Tensor x = f32({3, 2}, {1, 2, 3, 4, 5, 6});
  Tensor ids{{DType::I32, {4}}, {2, 0, 3, -1}};
  CHECK(apply("gather", {x, ids}, {{"axis", int64_t{0}}, {"shared", int64_t{0}}}) == Numbers{5, 6, 1, 2, 0, 0, 0, 0});
  Tensor columns{{DType::I64, {3}}, {1, 1, 2}};
  CHECK(apply("gather", {x, columns}, {{"axis", int64_t{1}}, {"shared", int64_t{0}}}) ==
        Numbers{2, 2, 0, 4, 4, 0, 6, 6, 0});
  CHECK(apply("gather", {x, {{DType::I64, {}}, {1}}}, {{"axis", int64_t{0}}, {"shared", int64_t{0}}}) == Numbers{3, 4});
  Tensor places{{DType::I32, {3}}, {1, 4, 1}};
  Attrs rows = {{"axis", int64_t{0}}, {"shared", int64_t{0}}, {"size", int64_t{3}}};
  CHECK(apply("scatter_add", {places, x}, rows) == Numbers{0, 0, 6, 8, 0, 0});
  Attrs into_columns = {{"axis", int64_t{1}}, {"shared", int64_t{0}}, {"size", int64_t{2}}};
  CHECK(apply("scatter_add", {{{DType::I32, {2}}, {0, 0}}, x}, into_columns) == Numbers{3, 0, 7, 0, 11, 0});
  // Each row of x by indices of its own.
  Tensor own{{DType::I32, {3, 2}}, {1, 0, 1, 1, 2, 0}};
  Attrs by_row = {{"axis", int64_t{1}}, {"shared", int64_t{1}}};
  CHECK(apply("gather", {x, own}, by_row) == Numbers{2, 1, 4, 4, 0, 5});
  by_row["size"] = int64_t{2};
  CHECK(apply("scatter_add", {own, x}, by_row) == Numbers{2, 1, 0, 7, 6, 0});
}

TEST_CASE("reductions: axes, empty groups, NaN, the first of equals") {
  Tensor x = f32({2, 3}, {3, 1, 2, 4, 6, 5});
  CHECK(apply("sum", {x}, {{"axes", Ints{0}}}) == Numbers{7, 7, 7});
  CHECK(apply("sum", {x}, {{"axes", Ints{0, 1}}}) == Numbers{21});
  CHECK(apply("prod", {x}, {{"axes", Ints{1}}}) == Numbers{6, 120});
  CHECK(apply("reduce_max", {x}, {{"axes", Ints{1}}}) == Numbers{3, 6});
  CHECK(apply("reduce_min", {x}, {{"axes", Ints{0}}}) == Numbers{3, 1, 2});
  CHECK(apply("argmax", {x}, {{"axes", Ints{1}}}) == Numbers{0, 1});
  CHECK(apply("argmax", {f32({4}, {1, 7, 7, 2})}, {{"axes", Ints{0}}}) == Numbers{1});
  CHECK(apply("argmax", {f32({4}, {1, kNan, 7, kNan})}, {{"axes", Ints{0}}}) == Numbers{1});
  CHECK(apply("argmax", {f32({2}, {-HUGE_VAL, -HUGE_VAL})}, {{"axes", Ints{0}}}) == Numbers{0});
  CHECK(std::isnan(apply("reduce_max", {f32({3}, {1, kNan, 2})}, {{"axes", Ints{0}}})[0]));
  CHECK(std::isnan(apply("reduce_min", {f32({3}, {1, kNan, 2})}, {{"axes", Ints{0}}})[0]));
  CHECK(apply("sum", {f32({0, 2}, {})}, {{"axes", Ints{0}}}) == Numbers{0, 0});
  CHECK(apply("prod", {f32({0, 2}, {})}, {{"axes", Ints{0}}}) == Numbers{1, 1});
}

TEST_CASE("views move elements") {
  Tensor x = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(apply("transpose", {x}, {{"perm", Ints{1, 0}}}) == Numbers{1, 4, 2, 5, 3, 6});
  CHECK(apply("reshape", {x}, {{"shape", Ints{3, 2}}}) == x.data);
  CHECK(apply("broadcast", {f32({2}, {1, 2})}, {{"dims", Ints{0}}, {"shape", Ints{2, 2}}}) == Numbers{1, 1, 2, 2});
  CHECK(apply("broadcast", {f32({2}, {1, 2})}, {{"dims", Ints{1}}, {"shape", Ints{2, 2}}}) == Numbers{1, 2, 1, 2});
  Attrs every_other = {{"limit", Ints{2, 3}}, {"start", Ints{1, 0}}, {"stride", Ints{1, 2}}};
  CHECK(apply("slice", {x}, every_other) == Numbers{4, 6});
  Attrs backwards = {{"start", Ints{1, 2}}, {"limit", Ints{-1, -1}}, {"stride", Ints{-1, -2}}};
  CHECK(apply("slice", {x}, backwards) == Numbers{6, 4, 3, 1});
  Attrs around = {{"high", Ints{2}}, {"interior", Ints{1}}, {"low", Ints{1}}};
  CHECK(apply("pad", {f32({3}, {1, 2, 3})}, around) == Numbers{0, 1, 0, 2, 0, 3, 0, 0});
  CHECK(apply("pad", {f32({0}, {})}, around) == Numbers{0, 0, 0});
  auto window = [](int64_t stride, int64_t dilation, int64_t offset, int64_t size) {
    return Attrs{{"axis", int64_t{0}},   {"tap", int64_t{1}}, {"stride", stride},
                 {"dilation", dilation}, {"offset", offset},  {"size", size}};
  };
  Tensor two_taps = f32({5, 2}, {0, 10, 1, 11, 2, 12, 3, 13, 4, 14});
  CHECK(apply("window", {two_taps}, window(1, 1, 0, 4)) == Numbers{0, 11, 1, 12, 2, 13, 3, 14});
  CHECK(apply("window", {two_taps}, window(2, 1, 0, 2)) == Numbers{0, 11, 2, 13});
  CHECK(apply("window", {two_taps}, window(1, 3, 1, 1)) == Numbers{1, 14});
  CHECK(apply("window", {two_taps}, window(2, -1, 2, 2)) == Numbers{2, 11, 4, 13});
}

TEST_CASE("min, max, relu and select treat NaN and ties as they say") {
  Tensor nan = f32({}, {kNan}), one = f32({}, {1});
  for (std::string_view op : {"min", "max"}) {
    CHECK(std::isnan(apply(op, {nan, one})[0]));
    CHECK(std::isnan(apply(op, {one, nan})[0]));
  }
  CHECK(std::isnan(apply("relu", {nan})[0]));
  CHECK(apply("relu", {f32({3}, {-1, 0, 2})}) == Numbers{0, 0, 2});
  Tensor condition{{DType::Bool, {2}}, {1, 0}};
  CHECK(apply("select", {condition, f32({2}, {1, kNan}), f32({2}, {kNan, 2})}) == Numbers{1, 2});
  CHECK(apply("round", {f32({4}, {0.5, 1.5, 2.5, -0.5})}) == Numbers{0, 2, 2, 0});
}

TEST_CASE("integers wrap, floats that become integers stop at their ends, bools are 0 or 1") {
  CHECK(apply("cast", {f32({5}, {2.9, -2.9, 4294967296.0 * 3 + 5, -3e9, kNan})}, {{"dtype", "i32"}}) ==
        Numbers{2, -2, 2147483647.0, -2147483648.0, 0});
  CHECK(!std::signbit(apply("cast", {f32({1}, {-0.5})}, {{"dtype", "i32"}})[0]));
  CHECK(apply("cast", {f32({3}, {255, 256, -1})}, {{"dtype", "u8"}}) == Numbers{255, 0, 255});
  CHECK(apply("cast", {f32({3}, {0, 0.5, -3})}, {{"dtype", "bool"}}) == Numbers{0, 1, 1});
  Tensor big{{DType::I32, {}}, {2147483647}}, one{{DType::I32, {}}, {1}};
  CHECK(apply("add", {big, one}) == Numbers{-2147483648.0});
  CHECK(to_dtype(-1, DType::U8) == 255);
  CHECK(to_dtype(2147483648.0, DType::I32) == -2147483648.0);
  CHECK(to_dtype(0x1p63, DType::I64) == -0x1p63);
}

TEST_CASE("round_f32 rounds after each op and each step of a sum") {
  Tensor x = f32({3}, {16777216, 1, 1});  // 2^24: f32 cannot hold 2^24 + 1
  CHECK(apply("sum", {x}, {{"axes", Ints{0}}}) == Numbers{16777218});
  CHECK(apply("sum", {x}, {{"axes", Ints{0}}}, {.round_f32 = true}) == Numbers{16777216});
  CHECK(apply("neg", {f32({}, {0.1})}, {}, {.round_f32 = true}) == Numbers{-static_cast<double>(0.1f)});
  // Steps in a wider dtype are not rounded, the result is.
  Attrs wide = {{"accumulate", "f64"}, {"axes", Ints{0}}};
  CHECK(apply("sum", {f32({3}, {16777216, 1, 1})}, wide, {.round_f32 = true}) == Numbers{16777218});
  CHECK(apply("sum", {f32({2}, {16777216, 1})}, wide, {.round_f32 = true}) == Numbers{16777216});
}

TEST_CASE("calls are evaluated; grad and wrong arguments are errors") {
  Module module;
  Func& callee = module.funcs.emplace_back();
  callee.name = "twice";
  callee.kind = FuncKind::Kernel;
  Type scalar{DType::F32, {}};
  Builder inner(callee);
  ValueId x = inner.argument(scalar, "x");
  inner.result(inner.add(x, x), "y");
  Func& func = module.funcs.emplace_back();
  func.name = "f";
  Builder b(func);
  ValueId a = b.argument(scalar, "a", Role::Input);
  ValueId four = b.call(callee, {b.call(callee, {a})[0]})[0];
  b.result(four, "y", Role::Output);
  CHECK((*interpret(module, func, {f32({}, {3})}))[0].data == Numbers{12});
  CHECK(interpret(module, func, {}).error().rule == "interpret.args");
  CHECK(interpret(module, func, {f32({1}, {3})}).error().message ==
        "argument `a` of @f is f32[], but f32[1] with 1 numbers is given");
  b.result(b.gradient(four, {a})[0], "d", Role::Output);
  CHECK(interpret(module, func, {f32({}, {3})}).error().rule == "interpret.grad");
}

}  // namespace tarn
