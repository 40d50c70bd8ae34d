// The closed set of scalar operations that every target supplies, and the emitter with which an op states its
// computation at one point of its iteration space.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "ir/type.h"

namespace tarn {

// Operands of one operation share a dtype (except Select's condition and Cast); comparisons give Bool.  No scalar is of a
// 16-bit float: such elements are f32 as scalars, and RoundF16 and RoundBf16 are where one comes to be.
enum class ScalarOp : uint8_t {
  Add,
  Sub,
  Mul,
  Div,
  Neg,
  Abs,
  Min,
  Max,  // NaN if either operand is NaN
  Fma,  // a * b + c, rounded once
  Sqrt,
  Exp,
  Log,
  Log1p,
  Tanh,
  Erf,
  Sin,
  Cos,
  Pow,
  Floor,
  Round,      // floats only; Round: half to even
  RoundF16,   // F32 and F64: to the nearest number of f16, half to even, beyond the largest to infinity
  RoundBf16,  // of bf16
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  And,
  Or,
  Xor,
  Not,         // Bool and integers
  ShiftRight,  // logical, on I32 and I64; the count has the dtype of the operand
  MulHigh,     // upper 32 bits of the unsigned 64-bit product of two I32
  Select,      // condition (Bool), then, else
  Cast,        // to the result's dtype; float to integer truncates
};

std::string_view scalar_op_name(ScalarOp op);  // "add"
int scalar_op_arity(ScalarOp op);

// Exp to Pow: computed by polynomials or by calls of libm, not by an instruction.
inline bool is_function(ScalarOp op) {
  return op >= ScalarOp::Exp && op <= ScalarOp::Pow;
}

inline bool is_comparison(ScalarOp op) {
  return op >= ScalarOp::Eq && op <= ScalarOp::Ge;
}

// A scalar value while a kernel is being built.
struct Scalar {
  uint32_t id = UINT32_MAX;
  DType dtype = DType::F32;
};

// What applying `op` gives: Bool for comparisons, `cast_to` for Cast (f32 for a 16-bit float), else the dtype of the last
// operand.
inline DType result_dtype(ScalarOp op, std::span<const Scalar> operands, DType cast_to) {
  if (op == ScalarOp::Cast) return computed_dtype(cast_to);
  return is_comparison(op) ? DType::Bool : operands.back().dtype;
}

// Builds scalar code.  The implementation belongs to the kernel representation (codegen/kernel/kernel.h); ops see only
// this.
class ScalarEmitter {
 public:
  virtual ~ScalarEmitter() = default;
  // A 16-bit dtype gives an f32, a cast to one the f32 that is the nearest of its numbers.  An op need not round its
  // result: whoever asks for the lowering does.
  virtual Scalar constant(double value, DType dtype) = 0;
  // Of result_dtype().
  virtual Scalar apply(ScalarOp op, std::span<const Scalar> operands, DType cast_to) = 0;

  Scalar apply(ScalarOp op, std::initializer_list<Scalar> operands) {
    return apply(op, std::span<const Scalar>(operands.begin(), operands.size()), DType::F32);
  }
  Scalar cast(Scalar value, DType dtype) {
    return value.dtype == dtype ? value : apply(ScalarOp::Cast, std::span<const Scalar>(&value, 1), dtype);
  }
};

}  // namespace tarn
