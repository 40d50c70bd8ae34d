// Properties of every op in the registry, on every sample of it.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "ir/builder.h"
#include "ir/op_def.h"
#include "ir/verify.h"
#include "passes/autodiff.h"
#include "tests/gradient_check.h"

namespace tarn {

TEST_CASE("the list of ops is the list of files, sorted") {
  std::set<std::string> files, names;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(TARN_SOURCE_DIR) / "ir" / "ops")) {
    if (entry.path().extension() == ".cpp") files.insert(entry.path().stem().string());
  }
  for (const OpDef* op : all_ops()) {
    names.insert(std::string(op->name));
    CHECK(find_op(op->name) == op);
  }
  CHECK(files == names);
  CHECK(std::is_sorted(all_ops().begin(), all_ops().end(),
                       [](const OpDef* a, const OpDef* b) { return a->name < b->name; }));
  CHECK(find_op("no_such_op") == nullptr);
}

TEST_CASE("every op says what it is, and has samples that its rule accepts") {
  for (const OpDef* op : all_ops()) {
    CAPTURE(op->name);
    CHECK(!op->summary.empty());
    CHECK(!op->doc.empty());
    CHECK(!op->source.empty());
    bool single = !std::holds_alternative<Call>(op->body) && !std::holds_alternative<Scan>(op->body) &&
                  !std::holds_alternative<Gradient>(op->body);
    CHECK(op->samples.size() >= (single ? 4 : 0));
    bool has_scalar = false, has_empty = false;
    for (const Sample& sample : op->samples) {
      Module module = module_of(*op, sample);
      for (const std::string& violation : verify(module)) FAIL_CHECK(violation);
      for (const Value& value : module.funcs[0].values) {
        has_scalar = has_scalar || value.type.rank() == 0;
        has_empty = has_empty || value.type.elements() == 0;
      }
    }
    bool needs_dimensions = op->name == "iota" || op->name == "window";
    CHECK((has_scalar || needs_dimensions || !single));
    CHECK((has_empty || !single));
  }
}

TEST_CASE("an evaluated op has the inferred type and finite values on its samples") {
  std::mt19937_64 random(1);
  for (const OpDef* op : all_ops()) {
    for (const Sample& sample : op->samples) {
      CAPTURE(op->name);
      Module module = module_of(*op, sample);
      Result<std::vector<Tensor>> results = interpret(module, module.funcs[0], draw(sample, random));
      REQUIRE(static_cast<bool>(results));
      CHECK((*results)[0].type == module.funcs[0].type(module.funcs[0].results[0].value));
      CHECK(static_cast<int64_t>((*results)[0].data.size()) == (*results)[0].type.elements());
      for (double element : (*results)[0].data) CHECK(std::isfinite(element));
    }
  }
}

TEST_CASE("every gradient rule agrees with central differences, first and second order") {
  std::mt19937_64 random(2);
  for (const OpDef* op : all_ops()) {
    if (!op->vjp || op->tolerance.grad_f64 == kNoGradientCheck) continue;
    for (size_t i = 0; i < op->samples.size(); ++i) {
      if (!is_differentiable_use(*op, op->samples[i])) continue;
      CAPTURE(op->name);
      CAPTURE(i);
      CHECK(gradient_error(*op, op->samples[i], 1, random) <= op->tolerance.grad_f64);
      // A second derivative is larger than the first near the ends of ranges such as log's and pow's.
      CHECK(gradient_error(*op, op->samples[i], 2, random) <= 10 * op->tolerance.grad_f64);
    }
  }
}

TEST_CASE("an op whose result is a float can be differentiated") {
  for (const OpDef* op : all_ops()) {
    CAPTURE(op->name);
    for (const Sample& sample : op->samples) {
      if (is_differentiable_use(*op, sample)) CHECK(static_cast<bool>(op->vjp));
    }
  }
}

// Negative controls: rules that are wrong in the ways rules tend to be wrong.
static Gradients wrong_sign(const VjpArgs& a) {
  return {a.b.neg(a.b.mul(a.cotangent, a.result))};
}
static Gradients wrong_factor(const VjpArgs& a) {
  return {a.b.mul(a.cotangent, a.b.constant_like(a.result, 1.0))};
}
static Gradients slightly_wrong(const VjpArgs& a) {
  return {a.b.mul(a.b.mul(a.cotangent, a.result), a.b.constant_like(a.result, 1.00001))};
}

TEST_CASE("a wrong gradient rule is noticed") {
  std::mt19937_64 random(3);
  for (VjpRule rule : {wrong_sign, wrong_factor, slightly_wrong}) {
    OpDef wrong = *find_op("exp");
    wrong.vjp = rule;
    Module module = module_of(wrong, {.inputs = {{{DType::F32, {}}}}});
    Func& func = module.funcs[0];
    func.ops[0].def = &wrong;
    func.results[0].role = Role::Loss;
    Builder b(func);
    b.result(b.gradient(func.results[0].value, {func.args[0].value})[0], "d", Role::Output);
    bool expanded = static_cast<bool>(pass_autodiff.run(module, {}));
    REQUIRE(expanded);
    Tensor at{{DType::F32, {}}, {0.7}};
    CHECK(gradient_error(module, func, {0}, {at}, 1e-5, random) > find_op("exp")->tolerance.grad_f64);
  }
}

}  // namespace tarn
