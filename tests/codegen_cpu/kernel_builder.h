// Builds kernels by hand for tests.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>

#include "codegen/kernel/kernel.h"

namespace tarn::testing {

// An index expression as text reads: x(i) + x(k, 2) + (-1).
inline IndexExpression x(VariableIndex variable, int64_t coefficient = 1) {
  return {{{variable, coefficient}}, 0, 1};
}
inline IndexExpression at(int64_t offset) {
  return {{}, offset, 1};
}
IndexExpression operator+(IndexExpression a, const IndexExpression& b);
IndexExpression operator/(IndexExpression a, int64_t divisor);

class KernelBuilder {
 public:
  explicit KernelBuilder(std::string name = "k") { kernel_.name = std::move(name); }

  BufferIndex in(Type type) { return buffer(std::move(type), BufferKind::In); }
  BufferIndex out(Type type) { return buffer(std::move(type), BufferKind::Out); }
  VariableIndex variable(int64_t extent);

  ScalarIndex constant(double value, DType dtype = DType::F32);
  ScalarIndex op(ScalarOp op, std::vector<ScalarIndex> operands);
  ScalarIndex cast(ScalarIndex operand, DType dtype);
  ScalarIndex index(VariableIndex variable);
  ScalarIndex load(BufferIndex buffer, std::vector<IndexExpression> indices, bool guarded = false);
  void store(BufferIndex buffer, std::vector<IndexExpression> indices, ScalarIndex value);
  void loop(VariableIndex variable, const std::function<void()>& body);
  // Nested loops, outermost first.
  void loops(std::vector<VariableIndex> variables, const std::function<void()>& body);
  ScalarIndex reduce(ReduceKind kind, std::vector<VariableIndex> variables, const std::function<ScalarIndex()>& body);

  Kernel finish() {
    kernel_.body = std::move(block_);
    return std::move(kernel_);
  }

 private:
  BufferIndex buffer(Type type, BufferKind kind);
  ScalarIndex scalar(DType dtype);

  Kernel kernel_;
  Block block_;
};

}  // namespace tarn::testing
