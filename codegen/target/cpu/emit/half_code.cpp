// Conversions of 16-bit floats.  "Fields" below: sign, exponent and fraction of IEEE 754.
#include "codegen/target/cpu/emit/half_code.h"

#include <llvm/IR/Intrinsics.h>

#include <cmath>

namespace tarn {

using llvm::ConstantFP;
using llvm::ConstantInt;
using llvm::Value;

namespace {

constexpr int kF32Fraction = 23;

struct Format {
  int fraction;        // bits
  int least_exponent;  // of a normal number
  int last_exponent;
};

Format format_of(DType half) {
  return half == DType::F16 ? Format{10, -14, 15} : Format{7, -126, 127};
}

}  // namespace

llvm::Type* HalfCode::like(Value* value, llvm::Type* element) {
  auto* vector = llvm::dyn_cast<llvm::VectorType>(value->getType());
  return vector ? llvm::VectorType::get(element, vector->getElementCount()) : element;
}

bool HalfCode::has_instruction(Value* x, DType half) const {
  return half == DType::F16 && target_.has_half_conversion && x->getType()->getScalarType()->isFloatTy();
}

Value* HalfCode::widen(Value* bits, DType half) {
  auto& b = builder_;
  llvm::Type *integers = like(bits, b.getInt32Ty()), *floats = like(bits, b.getFloatTy());
  if (half == DType::F16 && target_.has_half_conversion) {
    return b.CreateFPExt(b.CreateBitCast(bits, like(bits, b.getHalfTy())), floats);
  }
  auto integer = [&](uint32_t value) { return ConstantInt::get(integers, value); };
  auto as_float = [&](Value* x) { return b.CreateBitCast(x, floats); };
  Value* wide = b.CreateZExt(bits, integers);
  if (half == DType::BF16) return as_float(b.CreateShl(wide, 16));
  // The fields moved up, the exponent then corrected by the difference of the two formats' biases.
  constexpr uint32_t kBias = (127 - 15) << kF32Fraction, kLeast = 1 << kF32Fraction;
  Value* fields = b.CreateShl(b.CreateAnd(wide, integer(0x7FFF)), kF32Fraction - 10);
  Value* normal = b.CreateAdd(fields, integer(kBias));
  Value* special = b.CreateAdd(fields, integer(2 * kBias));  // infinity and NaN: all bits of the exponent
  // 2^-14 plus what the subnormal is, less 2^-14.
  Value* above = as_float(b.CreateAdd(normal, integer(kLeast)));
  Value* small = b.CreateFSub(above, as_float(integer(kBias + kLeast)));
  Value* number = b.CreateSelect(b.CreateICmpULT(fields, integer(0x7C00 << 13)), normal, special);
  number = b.CreateSelect(b.CreateICmpULT(fields, integer(0x0400 << 13)), b.CreateBitCast(small, integers), number);
  return as_float(b.CreateOr(number, b.CreateShl(b.CreateAnd(wide, integer(0x8000)), 16)));
}

Value* HalfCode::narrow(Value* x, DType half) {
  if (!has_instruction(x, half)) return pack(round_bits(x, half), half);
  auto& b = builder_;
  return b.CreateBitCast(b.CreateFPTrunc(x, like(x, b.getHalfTy())), like(x, b.getInt16Ty()));
}

Value* HalfCode::round(Value* x, DType half) {
  return has_instruction(x, half) ? widen(narrow(x, half), half) : round_bits(x, half);
}

Value* HalfCode::round_bits(Value* x, DType half) {
  auto& b = builder_;
  Format format = format_of(half);
  bool is_double = x->getType()->getScalarType()->isDoubleTy();
  int fraction = is_double ? 52 : kF32Fraction;
  llvm::Type *type = x->getType(), *integers = like(x, is_double ? b.getInt64Ty() : b.getInt32Ty());
  auto integer = [&](uint64_t value) { return ConstantInt::get(integers, value); };
  auto number = [&](double value) { return ConstantFP::get(type, value); };
  // Half of the last place is added to the fields, less one where the digit before is even; a carry goes to the exponent.
  auto dropped = static_cast<uint64_t>(fraction - format.fraction);
  Value* fields = b.CreateBitCast(x, integers);
  Value* odd = b.CreateAnd(b.CreateLShr(fields, dropped), integer(1));
  Value* up = b.CreateAdd(b.CreateAdd(fields, integer((uint64_t{1} << (dropped - 1)) - 1)), odd);
  Value* rounded = b.CreateBitCast(b.CreateAnd(up, integer(~uint64_t{0} << dropped)), type);
  Value* size = b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
  auto with_sign = [&](Value* positive) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, positive, x); };
  bool is_same_range = half == DType::BF16 && !is_double;  // the exponents are those of f32
  if (!is_same_range) {
    // Below the least normal number the last place is fixed: that of the sum with a number large enough.
    Value* large = number(std::ldexp(1.0, fraction + format.least_exponent - format.fraction));
    Value* small = with_sign(b.CreateFSub(b.CreateFAdd(size, large), large));
    Value* is_small = b.CreateFCmpOLT(size, number(std::ldexp(1.0, format.least_exponent)));
    Value* beyond = number(std::ldexp(1.0, format.last_exponent + 1));
    Value* is_beyond = b.CreateFCmpOGE(b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, rounded), beyond);
    rounded = b.CreateSelect(is_beyond, with_sign(number(HUGE_VAL)), rounded);
    rounded = b.CreateSelect(is_small, small, rounded);
  }
  return b.CreateSelect(b.CreateFCmpUNO(x, x), ConstantFP::getNaN(type), rounded);
}

// The bits of a float that is a number of `half`.
Value* HalfCode::pack(Value* number, DType half) {
  auto& b = builder_;
  llvm::Type *integers = like(number, b.getInt32Ty()), *bits = like(number, b.getInt16Ty());
  auto integer = [&](uint32_t value) { return ConstantInt::get(integers, value); };
  Value* fields = b.CreateBitCast(number, integers);
  if (half == DType::BF16) return b.CreateTrunc(b.CreateLShr(fields, 16), bits);
  constexpr uint32_t kBias = (127 - 15) << kF32Fraction, kHalf = 126 << kF32Fraction;  // the fields of 0.5
  Value* sign = b.CreateAnd(b.CreateLShr(fields, 16), integer(0x8000));
  Value* size = b.CreateAnd(fields, integer(0x7FFFFFFF));
  Value* normal = b.CreateLShr(b.CreateSub(size, integer(kBias)), kF32Fraction - 10);
  // The last place of 0.5 in f32 is the one of f16's subnormals.
  Value* moved = b.CreateFAdd(b.CreateBitCast(size, number->getType()), ConstantFP::get(number->getType(), 0.5));
  Value* small = b.CreateSub(b.CreateBitCast(moved, integers), integer(kHalf));
  Value* result = b.CreateSelect(b.CreateICmpULT(size, integer((127 - 14) << kF32Fraction)), small, normal);
  constexpr uint32_t kInfinity = 255U << kF32Fraction;
  result = b.CreateSelect(b.CreateICmpUGE(size, integer(kInfinity)), integer(0x7C00), result);
  result = b.CreateSelect(b.CreateICmpUGT(size, integer(kInfinity)), integer(0x7E00), result);
  return b.CreateTrunc(b.CreateOr(result, sign), bits);
}

}  // namespace tarn
