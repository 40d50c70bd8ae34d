// What ops state of themselves for passes, against the interpreter.
#include <doctest/doctest.h>

#include <random>

#include "ir/interpret.h"
#include "ir/op_def.h"
#include "ir/shape_rules.h"

namespace tarn {
namespace {

// Whole numbers of small size, so that sums are exact.
Tensor drawn(const Type& type, std::mt19937_64& random) {
  Tensor tensor{type, std::vector<double>(static_cast<size_t>(type.elements()))};
  int64_t range = type.dtype == DType::Bool ? 2 : 17;
  for (double& value : tensor.data) {
    value = static_cast<double>(static_cast<int64_t>(random() % static_cast<uint64_t>(range)) - (range > 2 ? 8 : 0));
  }
  return tensor;
}

std::vector<Tensor> operands_of(const Sample& sample, std::mt19937_64& random) {
  std::vector<Tensor> operands;
  for (const SampleInput& input : sample.inputs) operands.push_back(drawn(input.type, random));
  return operands;
}

std::vector<double> apply(const OpDef& op, const Attrs& attrs, const std::vector<Tensor>& operands) {
  std::vector<Type> types;
  std::vector<const Tensor*> pointers;
  for (const Tensor& operand : operands) {
    types.push_back(operand.type);
    pointers.push_back(&operand);
  }
  Result<Type> type = result_type(op, types, attrs);
  REQUIRE_MESSAGE(type, op.name, ": ", type.error().message);
  return evaluate(op, attrs, *type, pointers).data;
}

std::vector<double> sum_of(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> sum;
  for (size_t i = 0; i < a.size(); ++i) sum.push_back(a[i] + b[i]);
  return sum;
}

}  // namespace

TEST_CASE("ops that commute give the same for operands in another order") {
  std::mt19937_64 random(1);
  int count = 0;
  for (const OpDef* op : all_ops()) {
    if (!op->commutes) continue;
    ++count;
    REQUIRE(op->arity == 2);
    for (const Sample& sample : op->samples) {
      CAPTURE(op->name);
      std::vector<Tensor> operands = operands_of(sample, random);
      CHECK(apply(*op, sample.attrs, operands) == apply(*op, sample.attrs, {operands[1], operands[0]}));
    }
  }
  CHECK(count >= 6);
}

TEST_CASE("linear ops give for sums the sums of what they give") {
  std::mt19937_64 random(2);
  int count = 0;
  for (const OpDef* op : all_ops()) {
    if (!op->is_linear) continue;
    ++count;
    REQUIRE(std::holds_alternative<Elementwise>(op->body));
    for (const Sample& sample : op->samples) {
      CAPTURE(op->name);
      std::vector<Tensor> a = operands_of(sample, random), b = operands_of(sample, random), both = a;
      for (size_t i = 0; i < a.size(); ++i) both[i].data = sum_of(a[i].data, b[i].data);
      CHECK(apply(*op, sample.attrs, both) == sum_of(apply(*op, sample.attrs, a), apply(*op, sample.attrs, b)));
    }
  }
  CHECK(count >= 4);
}

TEST_CASE("a view of a stack is the stack of the views of its slices") {
  std::mt19937_64 random(3);
  int count = 0;
  for (const OpDef* op : all_ops()) {
    const View* view = std::get_if<View>(&op->body);
    if (!view) continue;
    for (const Sample& sample : op->samples) {
      CAPTURE(op->name);
      ++count;
      constexpr int64_t kLength = 3;
      std::vector<double> stacked;
      Tensor stack{sample.inputs[0].type, {}};
      stack.type.shape.insert(stack.type.shape.begin(), kLength);
      for (int64_t i = 0; i < kLength; ++i) {
        Tensor slice = drawn(sample.inputs[0].type, random);
        stack.data.insert(stack.data.end(), slice.data.begin(), slice.data.end());
        std::vector<double> viewed = apply(*op, sample.attrs, {slice});
        stacked.insert(stacked.end(), viewed.begin(), viewed.end());
      }
      CHECK(apply(*op, view->of_stack(sample.attrs, kLength), {stack}) == stacked);
    }
  }
  CHECK(count > 20);
}

TEST_CASE("uniform generators give one number at every index") {
  for (const OpDef* op : all_ops()) {
    const Generate* form = std::get_if<Generate>(&op->body);
    if (!form || !form->is_uniform) continue;
    for (const Sample& sample : op->samples) {
      std::vector<double> made = apply(*op, sample.attrs, {});
      for (double value : made) CHECK(value == made[0]);
    }
  }
}

}  // namespace tarn
