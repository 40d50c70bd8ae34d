// The 16-bit floats in LLVM instructions: by those of F16C where the processor has them, else by integer arithmetic.
//
// Exact on every number, subnormals of f16 included, though the program takes f32 denormals for zero: no step goes
// through one.  A subnormal of bf16 is a subnormal f32, which arithmetic then takes for zero.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include "codegen/target/cpu/schedule/traits.h"
#include "ir/type.h"

namespace tarn {

class HalfCode {
 public:
  HalfCode(llvm::IRBuilder<>& builder, const CpuTraits& target) : builder_(builder), target_(target) {}

  // i16 to float, of the same lanes.
  llvm::Value* widen(llvm::Value* bits, DType half);
  // float to i16: the nearest number, half to even; beyond the largest infinity; NaN stays NaN.
  llvm::Value* narrow(llvm::Value* x, DType half);
  // A float or double to the nearest number of `half` in its own type.
  llvm::Value* round(llvm::Value* x, DType half);

 private:
  using Value = llvm::Value;

  llvm::Type* like(Value* value, llvm::Type* element);
  Value* round_bits(Value* x, DType half);
  Value* pack(Value* number, DType half);
  bool has_instruction(Value* x, DType half) const;

  llvm::IRBuilder<>& builder_;
  const CpuTraits& target_;
};

}  // namespace tarn
