// Scalar operations of a kernel as LLVM instructions, on scalars or on vectors of lanes alike.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <span>

#include "codegen/target/cpu/emit/half_code.h"
#include "codegen/target/cpu/emit/machine.h"
#include "codegen/target/cpu/emit/vector_math.h"
#include "ir/op_forms.h"
#include "ir/scalar.h"

namespace tarn {

class ScalarCode {
 public:
  ScalarCode(llvm::IRBuilder<>& builder, const CpuTraits& target)
      : builder_(builder), math_(builder, target), half_(builder, target) {}

  // Type in registers (Bool is i1) and in memory (Bool is i8, a 16-bit float i16); `lanes` 1 gives the scalar type.
  llvm::Type* register_type(DType dtype, int lanes);
  llvm::Type* memory_type(DType dtype, int lanes);
  llvm::Constant* constant(double value, DType dtype);
  llvm::Value* from_memory(llvm::Value* value, DType dtype);
  llvm::Value* to_memory(llvm::Value* value, DType dtype);

  // `from`: dtype of the operands (of the last operand where they differ); `to`: of the result.
  // All operands are scalars, or all are vectors of equal lanes.
  llvm::Value* apply(ScalarOp op, std::span<llvm::Value* const> x, DType from, DType to);
  llvm::Value* multiply_add(llvm::Value* a, llvm::Value* b, llvm::Value* c, DType dtype);

  // Kinds other than ArgMax.
  llvm::Constant* identity(ReduceKind kind, DType dtype);
  llvm::Value* combine(ReduceKind kind, llvm::Value* sum, llvm::Value* value, DType dtype);
  // Where ArgMax prefers `a`: it is greater, or the only NaN of the two.
  llvm::Value* is_preferred(llvm::Value* a, llvm::Value* b, DType dtype);

  VectorMath& math() { return math_; }

 private:
  using Value = llvm::Value;

  Value* arithmetic(ScalarOp op, std::span<Value* const> x, DType dtype);
  Value* compare(ScalarOp op, Value* a, Value* b, DType dtype);
  Value* minimum(Value* a, Value* b, DType dtype, bool is_maximum);
  Value* integer_divide(Value* a, Value* b, DType dtype);
  Value* integer_power(Value* a, Value* b, DType dtype);
  Value* multiply_high(Value* a, Value* b);
  Value* cast(Value* x, DType from, DType to);

  llvm::IRBuilder<>& builder_;
  VectorMath math_;
  HalfCode half_;
};

}  // namespace tarn
