// Numbers that are known at compile time give what the same numbers give when the program runs.
#include "frontend/fold.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <regex>
#include <set>

#include "frontend/builtins.h"
#include "ir/op_def.h"
#include "tests/frontend/support.h"

namespace tarn::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kNaN = std::nan("");

// The same number, -0.0 and 0.0 told apart, NaN equal to itself; in f32, which is what a model's outputs are.
bool is_same(double a, double b) {
  auto x = static_cast<float>(a), y = static_cast<float>(b);
  return (std::isnan(x) && std::isnan(y)) || (x == y && std::signbit(x) == std::signbit(y));
}

struct Special {
  const char* literal;
  double number;
};
const std::vector<Special>& specials() {
  static const std::vector<Special> kSpecials = {
      {"(0.0/0.0)", kNaN},
      {"(1.0/0.0)", kInfinity},
      {"(-1.0/0.0)", -kInfinity},
      {"0.0", 0.0},
      {"(-0.0)", -0.0},
      {"0.5", 0.5},
      {"1.5", 1.5},
      {"2.5", 2.5},
      {"(-2.5)", -2.5},
      {"3e9", 3e9},
      {"(-3e9)", -3e9},
      {"1e30", 1e30},
      {"(-0.75)", -0.75},
  };
  return kSpecials;
}

// A model with an output for each expression; its hypers are `a` and `b`.
std::string model_of(const std::vector<std::string>& expressions) {
  std::vector<std::string> outputs;
  for (const std::string& expression : expressions) outputs.push_back("broadcast[B,1](" + expression + ")");
  return fmt::format("hyper a = 1\nhyper b = 1\nmodel m(x: f32[B,1]) = ({}, x)\n", fmt::join(outputs, ", "));
}

std::vector<double> outputs_of(const Module& module, double a, double b) {
  Values values = {{"a", {a}}, {"b", {b}}, {"x", {0}}};
  run(module, "predict", values);
  std::vector<double> numbers;
  for (size_t i = 1; values.contains(fmt::format("output.{}", i)); ++i) {
    numbers.push_back(values[fmt::format("output.{}", i)][0]);
  }
  return numbers;
}

bool compiles(const std::string& text) {
  SourceManager sources;
  DiagnosticSink sink;
  return compile_source(sources, sources.add("test.tarn", text), {}, sink).has_value();
}

std::string call(const std::string& name, const char* a, const char* b) {
  return b ? fmt::format("{}({}, {})", name, a, b) : fmt::format("{}({})", name, a);
}

// The builtins and library functions that take one number, or two, known at compile time or not.
std::vector<std::string> scalar_functions(bool takes_two) {
  std::set<std::string> names;
  for (const Builtin& builtin : all_builtins()) names.insert(builtin.name);
  for (const char* file : {"frontend/std/functions.tarn", "frontend/std/numeric.tarn"}) {
    std::string text = read_file(file);
    static const std::regex kFunction("\nfn ([a-z0-9_]+)");
    for (std::sregex_iterator it(text.begin(), text.end(), kFunction), end; it != end; ++it) names.insert((*it)[1]);
  }
  std::vector<std::string> found;
  for (const std::string& name : names) {
    bool folds = compiles(model_of({call(name, "1.5", takes_two ? "0.5" : nullptr)}));
    if (folds && compiles(model_of({call(name, "a", takes_two ? "b" : nullptr)}))) found.push_back(name);
  }
  return found;
}

void compare(const std::vector<std::string>& names, bool takes_two) {
  std::vector<std::string> at_run_time;
  for (const std::string& name : names) at_run_time.push_back(call(name, "a", takes_two ? "b" : nullptr));
  Module runtime = compile(model_of(at_run_time));
  for (const Special& a : specials()) {
    for (const Special& b : specials()) {
      if (!takes_two && &b != specials().data()) break;
      std::vector<std::string> literals;
      for (const std::string& name : names) literals.push_back(call(name, a.literal, takes_two ? b.literal : nullptr));
      std::vector<double> folded = outputs_of(compile(model_of(literals)), 1, 1);
      std::vector<double> expected = outputs_of(runtime, a.number, b.number);
      for (size_t i = 0; i < names.size(); ++i) {
        CHECK_MESSAGE(is_same(folded[i], expected[i]), literals[i], " folds to ", folded[i], ", but gives ",
                      expected[i]);
      }
    }
  }
}

}  // namespace

TEST_CASE("every elementwise op of floats folds to its own meaning") {
  int count = 0;
  for (const OpDef* op : all_ops()) {
    const Elementwise* form = std::get_if<Elementwise>(&op->body);
    std::vector<Type> types(static_cast<size_t>(std::max(op->arity, 0)), Type{DType::F64, {}});
    if (!form || !op->attrs.empty() || !op->shape({types, {}}) || op->arity > 2) continue;
    ++count;
    CAPTURE(op->name);
    for (const Special& a : specials()) {
      for (const Special& b : specials()) {
        std::vector<double> numbers = {a.number, b.number};
        numbers.resize(types.size());
        std::vector<Term> terms;
        for (double number : numbers) terms.push_back(real_term(number));
        Term folded = fold(op->name, terms);
        CHECK_MESSAGE(is_same(folded.number(), form->eval(numbers)), a.literal, " ", b.literal);
      }
    }
  }
  CHECK(count > 25);
}

TEST_CASE("a literal gives what the number gives at run time") {
  std::vector<std::string> one = scalar_functions(false), two = scalar_functions(true);
  for (const char* name : {"abs", "floor", "relu", "sign", "round", "f32", "f64", "i32", "i64", "bool", "float"}) {
    CHECK_MESSAGE(std::find(one.begin(), one.end(), name) != one.end(), name);
  }
  for (const char* name : {"min", "max", "pow", "floor_div", "mod"}) {
    CHECK_MESSAGE(std::find(two.begin(), two.end(), name) != two.end(), name);
  }
  compare(one, false);
  compare(two, true);
}

TEST_CASE("operators of literals likewise") {
  for (const char* symbol : {"+", "-", "*", "/", "^", "==", "!=", "<", "<=", ">", ">="}) {
    Module runtime = compile(model_of({fmt::format("a {} b", symbol)}));
    for (const Special& a : specials()) {
      std::vector<std::string> literals;
      for (const Special& b : specials()) literals.push_back(fmt::format("{} {} {}", a.literal, symbol, b.literal));
      std::vector<double> folded = outputs_of(compile(model_of(literals)), 1, 1);
      for (size_t i = 0; i < literals.size(); ++i) {
        double expected = outputs_of(runtime, a.number, specials()[i].number)[0];
        CHECK_MESSAGE(is_same(folded[i], expected), literals[i], " folds to ", folded[i], ", but gives ", expected);
      }
    }
  }
}

TEST_CASE("integers are exact in all 64 bits") {
  const int64_t big = (int64_t{1} << 53) + 1;
  Term a = integer_term(big), b = integer_term(big - 1);
  CHECK(fold("neg", {a}).integer == -big);
  CHECK(fold("abs", {integer_term(-big)}).integer == big);
  CHECK(fold("sign", {integer_term(-big)}).integer == -1);
  CHECK(fold("relu", {a}).integer == big);
  CHECK(fold("stop_gradient", {a}).integer == big);
  CHECK(fold("max", {a, b}).integer == big);
  CHECK(fold("min", {a, b}).integer == big - 1);
  CHECK(fold("sub", {a, b}).integer == 1);
  CHECK(fold("eq", {a, b}).integer == 0);
  CHECK(fold("lt", {b, a}).integer == 1);
  CHECK(fold_cast(a, DType::I64).integer == big);
  CHECK(fold_cast(a, DType::I32).integer == 1);
  CHECK(fold_cast(integer_term(0), DType::Bool).kind == TermKind::Bool);
  Term beyond = fold("neg", {integer_term(INT64_MIN)});
  CHECK(beyond.kind == TermKind::Real);
  CHECK(beyond.real == 0x1p63);
  CHECK(fold("add", {integer_term(INT64_MAX), integer_term(1)}).real == 0x1p63);
}

}  // namespace tarn::test
