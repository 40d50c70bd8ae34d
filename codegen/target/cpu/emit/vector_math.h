// Elementary functions as vector code: LLVM would turn llvm.exp on 16 lanes into 16 calls of expf.
//
// f32, scalar or vector alike, so that a value does not depend on whether it was computed in a lane.  Greatest error
// against the f64 library, in units in the last place, by tests/codegen_cpu/vector_math_test.cpp over all exponents:
//
//            with FMA   without   method
//   exp        0.99       0.95     Cephes expf: Cody-Waite, degree 5, scaled in two steps
//   log        0.83       0.83     Cephes logf
//   log1p      1.5        1.5      log(1+x) corrected by the rounding of 1+x
//   tanh       1.3        1.3      odd polynomial below 0.625, else 1 - 2/(exp(2x)+1)
//   erf        1.0        1.0      two polynomials, the outer in the exponent of exp
//   sin, cos   1.5        libm     Cody-Waite in three parts up to 1e5, the library beyond
//   pow        libm
// Denormal arguments and results count as zero (emit_entry.cpp).
//
// f64: the library, lane by lane.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <span>
#include <string>

#include "codegen/target/cpu/emit/machine.h"
#include "ir/scalar.h"

namespace tarn {

class VectorMath {
 public:
  VectorMath(llvm::IRBuilder<>& builder, const CpuTraits& target) : builder_(builder), target_(target) {}

  // Op: Exp, Log, Log1p, Tanh, Erf, Sin, Cos or Pow, on floats or vectors of floats.
  llvm::Value* call(ScalarOp op, std::span<llvm::Value* const> x);
  // a * b + c: rounded once where the processor can, else twice.
  llvm::Value* multiply_add(llvm::Value* a, llvm::Value* b, llvm::Value* c);
  // A function of libm, called for each lane.
  llvm::Value* library(const std::string& name, std::span<llvm::Value* const> x);

 private:
  using Value = llvm::Value;

  Value* exp(Value* x);
  Value* log(Value* x);
  Value* log1p(Value* x);
  Value* tanh(Value* x);
  Value* erf(Value* x);
  Value* sine(Value* x, bool is_cosine);
  Value* sine_reduced(Value* x, bool is_cosine);
  Value* number(Value* like, double value);
  Value* integer(Value* like, int64_t value);
  llvm::Type* integer_type(Value* like);
  // coefficients[0] * x^n + ... + coefficients[n], by Horner's rule.
  Value* polynomial(Value* x, std::initializer_list<double> coefficients);
  Value* power_of_two(Value* exponent);  // an integer in -126..127

  llvm::IRBuilder<>& builder_;
  const CpuTraits& target_;
};

}  // namespace tarn
