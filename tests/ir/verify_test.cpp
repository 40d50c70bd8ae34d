// The verifier: sound modules pass, and each invariant has a module that breaks just it.
#include "ir/verify.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>

#include "ir/builder.h"
#include "tests/random_graph.h"

namespace tarn {
namespace {

const Type kScalar{DType::F32, {}};
const Type kVector{DType::F32, {3}};

// @twice, a kernel, and @f(w: param, x: input, seed, lr: hyper) -> (w: param, loss), which calls it.
Module sound_module() {
  Module module;
  module.name = "m";
  module.records.push_back({"model", "m", {{"batch", int64_t{3}}}});
  Func& twice = module.funcs.emplace_back();
  twice.name = "twice";
  twice.kind = FuncKind::Kernel;
  Builder k(twice);
  ValueId a = k.argument(kVector, "a");
  k.result(k.add(a, a), "y");
  Func& func = module.funcs.emplace_back();
  func.name = "f";
  Builder b(func);
  ValueId w = b.argument(kVector, "w", Role::Param);
  ValueId x = b.argument(kVector, "x", Role::Input);
  b.argument({DType::I64, {}}, "seed", Role::Seed);
  b.argument({DType::F64, {}}, "lr", Role::Hyper, 0.1);
  ValueId doubled = b.call(twice, {x})[0];
  ValueId loss = b.sum(b.mul(w, doubled), {0});
  ValueId gradient = b.gradient(loss, {w})[0];
  b.result(b.sub(w, gradient), "w", Role::Param);
  b.result(loss, "loss", Role::Loss);
  return module;
}

Op& op_of(Func& func, std::string_view name) {
  for (Op& op : func.ops) {
    if (op.def->name == name) return op;
  }
  FAIL("no such op");
  return func.ops[0];
}

// A scan of @cell(h, x) -> (h: h + x, y: h + x) over four slices.
Op& add_scan(Module& module, Func& func) {
  Func& cell = module.funcs.emplace_back();
  cell.name = "cell";
  cell.kind = FuncKind::Body;
  Builder c(cell);
  ValueId h = c.argument(kVector, "h"), x = c.argument(kVector, "x");
  ValueId next = c.add(h, x);
  c.result(next, "h");
  c.result(next, "y");
  Builder b(func);
  ValueId sequence = b.constant(1, {DType::F32, {4, 3}});
  b.scan(cell, {func.args[1].value}, {sequence}, {}, 4, false);
  return func.ops.back();
}

struct Breakage {
  const char* rule;
  const char* text;  // part of the message
  void (*apply)(Module&, Func&);
};

std::vector<Breakage> breakages() {
  return {
      {"V1", "function name", [](Module&, Func& f) { f.name = "f f"; }},
      {"V1", "two functions are named @f", [](Module& m, Func&) { m.funcs[0].name = "f"; }},
      {"V1", "value name \"\"", [](Module&, Func& f) { f.values[0].name = ""; }},
      {"V1", "result name", [](Module&, Func& f) { f.results[1].name = "a%"; }},
      {"V2", "two values are named %x", [](Module&, Func& f) { f.values.back().name = "x"; }},
      {"V3", "used before it is defined", [](Module&, Func& f) { std::swap(op_of(f, "mul"), op_of(f, "sum")); }},
      {"V3", "is defined nowhere", [](Module&, Func& f) { f.add_value(kScalar, "stray"); }},
      {"V3", "is defined twice", [](Module&, Func& f) { f.ops.push_back(f.ops.back()); }},
      {"V3", "(no value)", [](Module&, Func& f) { op_of(f, "mul").operands[0] = ValueId{999}; }},
      {"V3", "result `loss` is not defined", [](Module&, Func& f) { f.results[1].value = ValueId{}; }},
      {"V4", "no possible size", [](Module&, Func& f) { f.values[1].type.shape = {-3}; }},
      {"V4", "no possible size",
       [](Module&, Func& f) { f.values[1].type.shape = {int64_t{1} << 31, int64_t{1} << 31}; }},
      {"V5", "takes 2 operands", [](Module&, Func& f) { op_of(f, "mul").operands.pop_back(); }},
      {"V5", "has no attribute `axes`", [](Module&, Func& f) { op_of(f, "sum").attrs.clear(); }},
      {"V5", "takes no attribute `foo`", [](Module&, Func& f) { op_of(f, "mul").attrs["foo"] = true; }},
      {"V6", "operands differ: f32[3] and f32[] (mul.C1)",
       [](Module&, Func& f) { op_of(f, "mul").operands[1] = op_of(f, "sum").result(); }},
      {"V6", "but the shape rule gives f32[3]",
       [](Module&, Func& f) { f.values[op_of(f, "sub").result().index].type = {DType::F32, {4}}; }},
      {"V7", "two results are named `w`", [](Module&, Func& f) { f.results[1].name = "w"; }},
      {"V8", "argument %x has role `loss`", [](Module&, Func& f) { f.args[1].role = Role::Loss; }},
      {"V8", "result `loss` has role `input`", [](Module&, Func& f) { f.results[1].role = Role::Input; }},
      {"V8", "argument %a has role `input`", [](Module& m, Func&) { m.funcs[0].args[0].role = Role::Input; }},
      {"V9", "seed `seed` is f32[], not i64[]", [](Module&, Func& f) { f.values[2].type = kScalar; }},
      {"V9", "hyper `lr` is f32[], not f64[]", [](Module&, Func& f) { f.values[3].type = kScalar; }},
      {"V9", "loss `loss` is f32[3]", [](Module&, Func& f) { f.results[1].value = op_of(f, "mul").result(); }},
      {"V10", "overwrites no argument", [](Module&, Func& f) { f.results[0].name = "v"; }},
      {"V10", "is state f32[3], but the argument param", [](Module&, Func& f) { f.results[0].role = Role::State; }},
      {"V11", "`w` is param f32[], but param f32[3] in @f",
       [](Module& m, Func&) {
         Func& init = m.funcs.emplace_back();
         init.name = "init";
         Builder b(init);
         b.result(b.constant(0, kScalar), "w", Role::Param);
       }},
      {"V12", "@twice calls itself",
       [](Module& m, Func&) {
         Func& twice = m.funcs[0];
         Builder b(twice);
         b.call(twice, {twice.args[0].value});
       }},
      {"V13", "there is no function @thrice",
       [](Module&, Func& f) { op_of(f, "call").attrs.at("callee").emplace<std::string>("thrice"); }},
      {"V13", "@f is an entry point",
       [](Module&, Func& f) { op_of(f, "call").attrs.at("callee").emplace<std::string>("f"); }},
      {"V13", "1 arguments and 1 results, but the call 0", [](Module&, Func& f) { op_of(f, "call").operands.clear(); }},
      {"V13", "operand is f64[], but `a` of @twice is f32[3]",
       [](Module&, Func& f) { op_of(f, "call").operands[0] = f.args[3].value; }},
      {"V14", "the loss is f32[3]", [](Module&, Func& f) { op_of(f, "grad").operands[0] = f.args[0].value; }},
      {"V14", "no target", [](Module&, Func& f) { op_of(f, "grad").operands.resize(1); }},
      {"V14", "2 targets, but 1 results",
       [](Module&, Func& f) { op_of(f, "grad").operands.push_back(f.args[1].value); }},
      {"V15", "there is no body @twice",
       [](Module& m, Func& f) { add_scan(m, f).attrs.at("callee").emplace<std::string>("twice"); }},
      {"V15", "is the body of two scans",
       [](Module& m, Func& f) {
         add_scan(m, f);
         Op again = op_of(f, "scan");
         for (ValueId& result : again.results) result = f.add_value(f.type(result), "again");
         f.ops.push_back(again);
       }},
      {"V15", "2 carries, 1 sequences and length 4 do not fit 2 operands and 2 results",
       [](Module& m, Func& f) { add_scan(m, f).attrs.at("carries").emplace<int64_t>(2); }},
      {"V15", "f32[4,3] has not 5 slices",
       [](Module& m, Func& f) { add_scan(m, f).attrs.at("length").emplace<int64_t>(5); }},
      {"V15", "operand is f32[], but `h` of @cell is f32[3]",
       [](Module& m, Func& f) { add_scan(m, f).operands[0] = op_of(f, "sum").result(); }},
      {"V15", "result is f32[3], but `y` of @cell gives f32[4,3]",
       [](Module& m, Func& f) { f.values[add_scan(m, f).results[1].index].type = kVector; }},
      {"V15", "@cell has 2 arguments and 2 results, but the scan 1 and 2",
       [](Module& m, Func& f) {
         Op& op = add_scan(m, f);
         op.operands.pop_back();
         op.attrs.at("sequences").emplace<int64_t>(0);
       }},
      {"V16", "there are 2 records `model`", [](Module& m, Func&) { m.records.push_back(m.records[0]); }},
      {"V16", "holds no integer `batch`", [](Module& m, Func&) { m.records[0].attrs.at("batch").emplace<double>(2); }},
      {"V16", "the batch is 0", [](Module& m, Func&) { m.records[0].attrs.at("batch").emplace<int64_t>(0); }},
      {"V14", "target %seed is i64[]", [](Module&, Func& f) { op_of(f, "grad").operands[1] = f.args[2].value; }},
  };
}

}  // namespace

TEST_CASE("a sound module has no violations") {
  CHECK(verify(sound_module()).empty());
}

TEST_CASE("each invariant is checked and cited") {
  std::map<std::string, int> count;
  for (const Breakage& breakage : breakages()) {
    CAPTURE(breakage.rule);
    CAPTURE(breakage.text);
    Module module = sound_module();
    breakage.apply(module, module.funcs[1]);
    bool cited = false;
    std::string all;
    for (const std::string& violation : verify(module)) {
      all += violation + "\n";
      cited = cited || (violation.ends_with(fmt::format("[{}]", breakage.rule)) &&
                        violation.find(breakage.text) != std::string::npos);
    }
    CHECK_MESSAGE(cited, all);
    ++count[breakage.rule];
  }
  for (int i = 1; i <= 16; ++i) CHECK_MESSAGE(count["V" + std::to_string(i)] > 0, "no test breaks V", i);
}

TEST_CASE("random graphs are sound") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    for (const std::string& violation : verify(random_module(seed))) FAIL_CHECK(violation);
  }
}

}  // namespace tarn
