// Every constraint that an op's doc states is refused where it is broken, by its label.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

#include "ir/contract_spec.h"
#include "ir/shape_rules.h"

namespace tarn {
namespace {

struct Broken {
  std::string rule;
  std::vector<Type> inputs;
  Attrs attrs;
};
using Ints = std::vector<int64_t>;

Type f32(Shape shape) {
  return {DType::F32, std::move(shape)};
}
Type i64(Shape shape) {
  return {DType::I64, std::move(shape)};
}
Type boolean(Shape shape) {
  return {DType::Bool, std::move(shape)};
}
Attrs axes(Ints list) {
  return {{"axes", std::move(list)}};
}
Attrs declared(std::string dtype, Shape shape) {
  return {{"dtype", std::move(dtype)}, {"shape", std::move(shape)}};
}
Attrs with(Attrs attrs, std::string key, AttrValue value) {
  attrs[key] = std::move(value);
  return attrs;
}
Attrs slice(Ints start, Ints limit, Ints stride) {
  return {{"start", start}, {"limit", limit}, {"stride", stride}};
}
Attrs pad(Ints low, Ints high, Ints interior) {
  return {{"low", low}, {"high", high}, {"interior", interior}};
}
Attrs window(int64_t axis, int64_t tap, int64_t stride, int64_t size) {
  return {{"axis", axis},           {"tap", tap},           {"stride", stride},
          {"dilation", int64_t{1}}, {"offset", int64_t{0}}, {"size", size}};
}
Attrs spec(std::string text) {
  return {{"spec", std::move(text)}};
}

// The rules that ops share, for every op that uses them.
void add_elementwise(std::vector<Broken>& cases) {
  for (const OpDef* op : all_ops()) {
    std::string name(op->name);
    bool same =
        op->shape == same_numbers || op->shape == same_floats || op->shape == same_integers || op->shape == same_bools;
    DType good = op->shape == same_bools ? DType::Bool : op->shape == same_integers ? DType::I32 : DType::F32;
    DType bad = op->shape == same_numbers || op->shape == same_integers ? DType::Bool : DType::I32;
    if (op->arity == 2 && (same || op->shape == comparison)) {
      cases.push_back({name + ".C1", {{good, {2}}, {good, {3}}}, {}});
      cases.push_back({name + ".C1", {{good, {2}}, {DType::U8, {2}}}, {}});
      cases.push_back({name + ".C1", {{good, {2}}, {good, {}}}, {}});
    }
    if (same) cases.push_back({name + ".C2", std::vector<Type>(op->arity, Type{bad, {2}}), {}});
    if (op->shape == accumulated) {
      cases.push_back({name + ".C3", {f32({2})}, with(axes({0}), "accumulate", "f32")});
      cases.push_back({name + ".C3", {i64({2})}, with(axes({0}), "accumulate", "f64")});
      cases.push_back({name + ".C3", {i64({2})}, with(axes({0}), "accumulate", "i32")});
    }
    if (op->shape == reduced || op->shape == accumulated || op->shape == reduced_non_empty) {
      for (Ints wrong : {Ints{2}, Ints{-1}, Ints{1, 0}, Ints{0, 0}})
        cases.push_back({name + ".C1", {f32({2, 3})}, axes(wrong)});
      cases.push_back({name + ".C2", {boolean({2})}, axes({0})});
    }
    if (op->shape == reduced_non_empty) cases.push_back({name + ".C3", {f32({2, 0})}, axes({1})});
  }
}

std::vector<Broken> broken_uses() {
  std::vector<Broken> cases = {
      {"select.C1", {f32({2}), f32({2}), f32({2})}, {}},
      {"select.C2", {boolean({2}), f32({2}), f32({3})}, {}},
      {"select.C3", {boolean({3}), f32({2}), f32({2})}, {}},
      {"cast.C1", {f32({2})}, {{"dtype", "f8"}}},
      {"constant.C1", {}, with(declared("f33", {2}), "value", 1.0)},
      {"constant.C2", {}, with(declared("f32", {-2}), "value", 1.0)},
      {"constant.C3", {}, with(declared("i32", {2}), "value", 1.5)},
      {"constant.C3", {}, with(declared("u8", {2}), "value", -1.0)},
      {"constant.C3", {}, with(declared("bool", {2}), "value", 2.0)},
      {"constant.C3", {}, with(declared("i64", {2}), "value", std::nan(""))},
      {"iota.C1", {}, with(declared("", {2}), "axis", int64_t{0})},
      {"iota.C2", {}, with(declared("f32", {-1}), "axis", int64_t{0})},
      {"iota.C3", {}, with(declared("bool", {2}), "axis", int64_t{0})},
      {"iota.C4", {}, with(declared("f32", {2}), "axis", int64_t{1})},
      {"iota.C4", {}, with(declared("f32", {}), "axis", int64_t{0})},
      {"random_uniform.C1", {i64({}), f32({})}, {{"shape", Ints{2}}, {"stream", int64_t{0}}}},
      {"random_uniform.C1", {i64({1}), i64({})}, {{"shape", Ints{2}}, {"stream", int64_t{0}}}},
      {"random_uniform.C2", {i64({}), i64({})}, {{"shape", Ints{-2}}, {"stream", int64_t{0}}}},
      {"random_uniform.C2", {i64({}), i64({})}, {{"shape", Ints{65536, 65536}}, {"stream", int64_t{0}}}},
      {"random_uniform.C3", {i64({}), i64({})}, {{"shape", Ints{2}}, {"stream", int64_t{1} << 32}}},
      {"argmax.C1", {f32({2})}, axes({1})},
      {"argmax.C2", {boolean({2})}, axes({0})},
      {"argmax.C3", {f32({0})}, axes({0})},
      {"broadcast.C1", {f32({})}, {{"dims", Ints{}}, {"shape", Ints{-1}}}},
      {"broadcast.C2", {f32({2})}, {{"dims", Ints{}}, {"shape", Ints{2}}}},
      {"broadcast.C2", {f32({2, 3})}, {{"dims", Ints{1, 0}}, {"shape", Ints{3, 2}}}},
      {"broadcast.C2", {f32({2})}, {{"dims", Ints{2}}, {"shape", Ints{3, 2}}}},
      {"broadcast.C3", {f32({1})}, {{"dims", Ints{0}}, {"shape", Ints{2}}}},
      {"reshape.C1", {f32({2, 3})}, {{"shape", Ints{5}}}},
      {"reshape.C1", {f32({2, 3})}, {{"shape", Ints{-2, -3}}}},
      {"transpose.C1", {f32({2, 3})}, {{"perm", Ints{0}}}},
      {"transpose.C1", {f32({2, 3})}, {{"perm", Ints{0, 0}}}},
      {"transpose.C1", {f32({2, 3})}, {{"perm", Ints{0, 2}}}},
      {"slice.C1", {f32({4})}, slice({0, 0}, {1}, {1})},
      {"slice.C2", {f32({4})}, slice({0}, {5}, {1})},
      {"slice.C2", {f32({4})}, slice({3}, {2}, {1})},
      {"slice.C2", {f32({4})}, slice({-1}, {2}, {1})},
      {"slice.C2", {f32({4})}, slice({4}, {-1}, {-1})},
      {"slice.C2", {f32({4})}, slice({0}, {1}, {-1})},
      {"slice.C2", {f32({4})}, slice({3}, {-2}, {-1})},
      {"slice.C3", {f32({4})}, slice({0}, {4}, {0})},
      {"pad.C1", {f32({4})}, pad({0}, {0}, {})},
      {"pad.C2", {f32({4})}, pad({-1}, {0}, {0})},
      {"pad.C2", {f32({4})}, pad({0}, {0}, {INT64_MAX / 2})},
      {"pad.C3", {boolean({4})}, pad({0}, {0}, {0})},
      {"window.C1", {f32({4, 3})}, window(0, 0, 1, 2)},
      {"window.C1", {f32({4, 3})}, window(0, 2, 1, 2)},
      {"window.C2", {f32({4, 3})}, window(0, 1, 0, 2)},
      {"window.C2", {f32({4, 3})}, window(0, 1, 1, -1)},
      {"window.C2", {f32({4, 3})}, window(0, 1, INT64_MAX, 1)},
      {"window.C3", {f32({4, 3})}, window(0, 1, 1, 3)},
      {"window.C3", {f32({4, 3})}, with(window(0, 1, 1, 1), "dilation", int64_t{-1})},
      {"contract.C1", {f32({2}), f32({2})}, spec("a,a")},
      {"contract.C1", {f32({2}), f32({2})}, spec("A,A->")},
      {"contract.C1", {f32({2}), f32({2})}, spec("a->a,a")},
      {"contract.C2", {f32({2, 2}), f32({2})}, spec("aa,a->a")},
      {"contract.C2", {f32({2}), f32({2})}, spec("a,b->aa")},
      {"contract.C3", {f32({2}), f32({2, 3})}, spec("a,b->ab")},
      {"contract.C4", {f32({2, 3}), f32({4, 5})}, spec("bk,kn->bn")},
      {"contract.C5", {f32({2}), f32({2})}, spec("a,a->ac")},
      {"contract.C6", {f32({2, 3}), f32({2})}, spec("ab,a->a")},
      {"contract.C7", {{DType::I32, {2}}, {DType::I32, {2}}}, spec("a,a->")},
      {"contract.C7", {f32({2}), {DType::F64, {2}}}, spec("a,a->")},
      {"contract.C8", {f32({2}), f32({2})}, with(spec("a,a->"), "accumulate", "f32")},
      {"contract.C8", {f32({2}), f32({2})}, with(spec("a,a->"), "accumulate", "i64")},
      {"contract.C8", {f32({2}), f32({2})}, with(spec("a,a->"), "accumulate", "wide")},
      {"contract.C8", {{DType::F64, {2}}, {DType::F64, {2}}}, with(spec("a,a->"), "accumulate", "f32")},
      {"gather.C1", {f32({2, 3}), f32({4})}, {{"axis", int64_t{0}}, {"shared", int64_t{0}}}},
      {"gather.C2", {f32({2, 3}), i64({4})}, {{"axis", int64_t{2}}, {"shared", int64_t{0}}}},
      {"gather.C2", {f32({}), i64({4})}, {{"axis", int64_t{0}}, {"shared", int64_t{0}}}},
      {"gather.C2", {f32({2}), i64({4})}, {{"axis", int64_t{-1}}, {"shared", int64_t{0}}}},
      {"gather.C3", {f32({2, 3}), i64({4})}, {{"axis", int64_t{1}}, {"shared", int64_t{1}}}},
      {"gather.C3", {f32({2, 3}), i64({2})}, {{"axis", int64_t{0}}, {"shared", int64_t{1}}}},
      {"gather.C3", {f32({2, 3}), i64({})}, {{"axis", int64_t{1}}, {"shared", int64_t{1}}}},
      {"gather.C3", {f32({2, 3}), i64({2})}, {{"axis", int64_t{1}}, {"shared", int64_t{-1}}}},
      {"scatter_add.C5",
       {i64({4, 5}), f32({3, 5})},
       {{"axis", int64_t{1}}, {"shared", int64_t{1}}, {"size", int64_t{3}}}},
      {"scatter_add.C5", {i64({4}), f32({4})}, {{"axis", int64_t{0}}, {"shared", int64_t{1}}, {"size", int64_t{3}}}},
      {"scatter_add.C1", {f32({4}), f32({4})}, {{"axis", int64_t{0}}, {"shared", int64_t{0}}, {"size", int64_t{3}}}},
      {"scatter_add.C2",
       {i64({4}), boolean({4})},
       {{"axis", int64_t{0}}, {"shared", int64_t{0}}, {"size", int64_t{3}}}},
      {"scatter_add.C3", {i64({4}), f32({5})}, {{"axis", int64_t{0}}, {"shared", int64_t{0}}, {"size", int64_t{3}}}},
      {"scatter_add.C3", {i64({4}), f32({4})}, {{"axis", int64_t{1}}, {"shared", int64_t{0}}, {"size", int64_t{3}}}},
      {"scatter_add.C3", {i64({4}), f32({4})}, {{"axis", int64_t{-1}}, {"shared", int64_t{0}}, {"size", int64_t{3}}}},
      {"scatter_add.C4", {i64({4}), f32({4})}, {{"axis", int64_t{0}}, {"shared", int64_t{0}}, {"size", int64_t{-1}}}},
      {"scatter_add.C6",
       {i64({4}), i64({4})},
       {{"accumulate", "f64"}, {"axis", int64_t{0}}, {"shared", int64_t{0}}, {"size", int64_t{3}}}},
      {"call.C1", {}, {{"callee", "f"}}},
      {"scan.C1",
       {},
       {{"callee", "f"},
        {"carries", int64_t{0}},
        {"length", int64_t{1}},
        {"reverse", false},
        {"sequences", int64_t{0}}}},
      {"grad.C1", {}, {}},
      {"op.size", {f32({1 << 20})}, {{"shape", Ints{1 << 20, 1 << 20, 1 << 20, 1 << 20}}, {"dims", Ints{0}}}},
      {"op.size", {f32({})}, {{"shape", Ints{int64_t{1} << 31, int64_t{1} << 31}}, {"dims", Ints{}}}},
  };
  add_elementwise(cases);
  return cases;
}

}  // namespace

TEST_CASE("every constraint of every op is checked under its label") {
  std::set<std::string> covered;
  for (const Broken& use : broken_uses()) {
    CAPTURE(use.rule);
    std::string name = use.rule.substr(0, use.rule.find('.'));
    if (name == "op") name = "broadcast";
    Result<Type> type = result_type(*find_op(name), use.inputs, use.attrs);
    REQUIRE(!static_cast<bool>(type));
    bool by_label = type.error().rule == use.rule || (use.rule == "op.size" && type.error().rule == "broadcast.C1");
    CHECK_MESSAGE(by_label, type.error().rule, ": ", type.error().message);
    CHECK(type.error().message.back() != '.');
    covered.insert(use.rule);
  }
  for (const OpDef* op : all_ops()) {
    for (size_t at = op->doc.find("(C"); at != std::string_view::npos; at = op->doc.find("(C", at + 1)) {
      std::string rule = fmt::format("{}.{}", op->name, op->doc.substr(at + 1, op->doc.find(')', at) - at - 1));
      CHECK_MESSAGE(covered.contains(rule), "no test breaks ", rule);
    }
  }
}

TEST_CASE("wrong arity and attributes are refused for every op") {
  for (const OpDef* op : all_ops()) {
    CAPTURE(op->name);
    for (const Sample& sample : op->samples) {
      std::vector<Type> types;
      for (const SampleInput& input : sample.inputs) types.push_back(input.type);
      REQUIRE(static_cast<bool>(result_type(*op, types, sample.attrs)));
      CHECK(result_type(*op, types, with(sample.attrs, "unknown", int64_t{1})).error().rule == "op.attrs");
      for (const AttrSpec& spec : op->attrs) {
        CHECK(result_type(*op, types, with(sample.attrs, std::string(spec.name), true)).error().rule == "op.attrs");
        Attrs without = sample.attrs;
        if (without.erase(std::string(spec.name)) == 0) continue;
        CHECK(static_cast<bool>(result_type(*op, types, without)) == spec.is_optional);
      }
      types.push_back(f32({}));
      CHECK(result_type(*op, types, sample.attrs).error().rule == "op.arity");
    }
  }
}

TEST_CASE("labels of a contract are classified in the order of the result") {
  ContractSpec attention = *parse_contract_spec("btnk,bsnk->bnts");
  CHECK(attention.batch == "bn");
  CHECK(attention.m == "t");
  CHECK(attention.n == "s");
  CHECK(attention.k == "k");
  CHECK(labels_size(attention, "tk", {2, 3, 4, 5}, {2, 7, 4, 5}) == 15);
  CHECK(label_size(attention, 's', {2, 3, 4, 5}, {2, 7, 4, 5}) == 7);
  ContractSpec scalars = *parse_contract_spec(",->");
  CHECK(scalars.text() == ",->");
  CHECK(labels_size(scalars, "", {}, {}) == 1);
}

}  // namespace tarn
