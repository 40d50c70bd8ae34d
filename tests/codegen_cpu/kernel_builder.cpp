// Builds kernels by hand for tests.
#include "tests/codegen_cpu/kernel_builder.h"

#include <map>

namespace tarn::testing {

IndexExpression operator+(IndexExpression a, const IndexExpression& b) {
  std::map<VariableIndex, int64_t> sum;
  for (const auto& term : a.terms) sum[term.variable] += term.coefficient;
  for (const auto& term : b.terms) sum[term.variable] += term.coefficient;
  IndexExpression result{{}, a.offset + b.offset, 1};
  for (auto [variable, coefficient] : sum) {
    if (coefficient != 0) result.terms.push_back({variable, coefficient});
  }
  return result;
}

IndexExpression operator/(IndexExpression a, int64_t divisor) {
  a.divisor = divisor;
  return a;
}

BufferIndex KernelBuilder::buffer(Type type, BufferKind kind) {
  std::string name = "b" + std::to_string(kernel_.buffers.size());
  kernel_.buffers.push_back({name, std::move(type), kind});
  return static_cast<BufferIndex>(kernel_.buffers.size() - 1);
}

VariableIndex KernelBuilder::variable(int64_t extent) {
  kernel_.variables.push_back({"v" + std::to_string(kernel_.variables.size()), extent});
  return static_cast<VariableIndex>(kernel_.variables.size() - 1);
}

ScalarIndex KernelBuilder::scalar(DType dtype) {
  kernel_.scalars.push_back(dtype);
  return static_cast<ScalarIndex>(kernel_.scalars.size() - 1);
}

ScalarIndex KernelBuilder::constant(double value, DType dtype) {
  ScalarIndex result = scalar(dtype);
  block_.push_back({Constant{result, value}});
  return result;
}

ScalarIndex KernelBuilder::op(ScalarOp op, std::vector<ScalarIndex> operands) {
  ScalarIndex result = scalar(is_comparison(op) ? DType::Bool : kernel_.scalars[operands.back()]);
  block_.push_back({Compute{result, op, std::move(operands)}});
  return result;
}

ScalarIndex KernelBuilder::cast(ScalarIndex operand, DType dtype) {
  ScalarIndex result = scalar(dtype);
  block_.push_back({Compute{result, ScalarOp::Cast, {operand}}});
  return result;
}

ScalarIndex KernelBuilder::index(VariableIndex variable) {
  ScalarIndex result = scalar(DType::I32);
  block_.push_back({ReadIndex{result, variable}});
  return result;
}

ScalarIndex KernelBuilder::load(BufferIndex buffer, std::vector<IndexExpression> indices, bool guarded) {
  ScalarIndex result = scalar(computed_dtype(kernel_.buffers[buffer].type.dtype));
  block_.push_back({Load{result, {buffer, std::move(indices), guarded}}});
  return result;
}

void KernelBuilder::store(BufferIndex buffer, std::vector<IndexExpression> indices, ScalarIndex value) {
  block_.push_back({Store{{buffer, std::move(indices), false}, value}});
}

void KernelBuilder::loop(VariableIndex variable, const std::function<void()>& body) {
  Block outer = std::move(block_);
  block_ = {};
  body();
  Block inner = std::move(block_);
  block_ = std::move(outer);
  block_.push_back({ForLoop{variable, std::move(inner)}});
}

void KernelBuilder::loops(std::vector<VariableIndex> variables, const std::function<void()>& body) {
  if (variables.empty()) return body();
  VariableIndex first = variables.front();
  variables.erase(variables.begin());
  loop(first, [&] { loops(variables, body); });
}

ScalarIndex KernelBuilder::reduce(ReduceKind kind, std::vector<VariableIndex> variables,
                                  const std::function<ScalarIndex()>& body) {
  Block outer = std::move(block_);
  block_ = {};
  ScalarIndex yield = body();
  Block inner = std::move(block_);
  block_ = std::move(outer);
  ScalarIndex result = scalar(kind == ReduceKind::ArgMax ? DType::I32 : kernel_.scalars[yield]);
  block_.push_back({ReduceLoop{result, kind, std::move(variables), std::move(inner), yield}});
  return result;
}

}  // namespace tarn::testing
