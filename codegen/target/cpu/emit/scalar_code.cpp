// Instructions for the closed set of scalar operations (ir/scalar.h states their meaning).
#include "codegen/target/cpu/emit/scalar_code.h"

#include <llvm/IR/Intrinsics.h>

#include <limits>

#include "ir/base/check.h"

namespace tarn {

using llvm::Value;
using llvm::Intrinsic::ID;

namespace {

int lanes_of(Value* value) {
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(value->getType());
  return vector ? static_cast<int>(vector->getNumElements()) : 1;
}

bool is_signed(DType dtype) {
  return dtype == DType::I32 || dtype == DType::I64;
}

}  // namespace

llvm::Type* ScalarCode::register_type(DType dtype, int lanes) {
  llvm::Type* type = nullptr;
  switch (dtype) {
    case DType::Bool:
      type = builder_.getInt1Ty();
      break;
    case DType::U8:
      type = builder_.getInt8Ty();
      break;
    case DType::I32:
      type = builder_.getInt32Ty();
      break;
    case DType::I64:
      type = builder_.getInt64Ty();
      break;
    case DType::F32:
      type = builder_.getFloatTy();
      break;
    case DType::F64:
      type = builder_.getDoubleTy();
      break;
    case DType::F16:
    case DType::BF16:
      type = builder_.getInt16Ty();
      break;
  }
  return lanes == 1 ? type : llvm::FixedVectorType::get(type, static_cast<unsigned>(lanes));
}

llvm::Type* ScalarCode::memory_type(DType dtype, int lanes) {
  return register_type(dtype == DType::Bool ? DType::U8 : dtype, lanes);
}

llvm::Constant* ScalarCode::constant(double value, DType dtype) {
  llvm::Type* type = register_type(dtype, 1);
  if (is_float(dtype)) {
    // Rounded here, so that LLVM does not choose.
    return llvm::ConstantFP::get(type, dtype == DType::F32 ? static_cast<double>(static_cast<float>(value)) : value);
  }
  if (dtype == DType::Bool) return builder_.getInt1(value != 0);
  return llvm::ConstantInt::getSigned(type, static_cast<int64_t>(value));
}

Value* ScalarCode::from_memory(Value* value, DType dtype) {
  if (is_half(dtype)) return half_.widen(value, dtype);
  if (dtype != DType::Bool) return value;
  return builder_.CreateICmpNE(value, llvm::Constant::getNullValue(value->getType()));
}

Value* ScalarCode::to_memory(Value* value, DType dtype) {
  if (is_half(dtype)) return half_.narrow(value, dtype);
  if (dtype != DType::Bool) return value;
  return builder_.CreateZExt(value, memory_type(dtype, lanes_of(value)));
}

Value* ScalarCode::multiply_add(Value* a, Value* b, Value* c, DType dtype) {
  if (is_float(dtype)) return math_.multiply_add(a, b, c);
  return builder_.CreateAdd(builder_.CreateMul(a, b), c);
}

// max(a, b) = a > b ? a : b gives b where either is NaN, and is one instruction; so a NaN in a alone needs care.
Value* ScalarCode::minimum(Value* a, Value* b, DType dtype, bool is_maximum) {
  auto& builder = builder_;
  if (!is_float(dtype)) {
    ID id = is_signed(dtype) ? (is_maximum ? llvm::Intrinsic::smax : llvm::Intrinsic::smin)
                             : (is_maximum ? llvm::Intrinsic::umax : llvm::Intrinsic::umin);
    return builder.CreateBinaryIntrinsic(id, a, b);
  }
  auto pick = [&](Value* first, Value* second) {
    Value* better = is_maximum ? builder.CreateFCmpOGT(first, second) : builder.CreateFCmpOLT(first, second);
    return builder.CreateSelect(better, first, second);
  };
  if (llvm::isa<llvm::Constant>(b)) std::swap(a, b);
  if (auto* number = llvm::dyn_cast<llvm::Constant>(a)) {
    llvm::Constant* element = number->getType()->isVectorTy() ? number->getSplatValue() : number;
    auto* fp = llvm::dyn_cast_or_null<llvm::ConstantFP>(element);
    if (fp && !fp->isNaN()) return pick(a, b);
  }
  return builder.CreateSelect(builder.CreateFCmpUNO(a, a), a, pick(a, b));
}

// Division by zero and overflow give 0 and the dividend: they must not trap.
Value* ScalarCode::integer_divide(Value* a, Value* b, DType dtype) {
  llvm::Type* type = a->getType();
  Value* zero = llvm::Constant::getNullValue(type);
  Value* one = llvm::ConstantInt::get(type, 1);
  Value* is_zero = builder_.CreateICmpEQ(b, zero);
  Value* divisor = builder_.CreateSelect(is_zero, one, b);
  if (!is_signed(dtype)) return builder_.CreateSelect(is_zero, zero, builder_.CreateUDiv(a, divisor));
  Value* is_minus_one = builder_.CreateICmpEQ(b, llvm::Constant::getAllOnesValue(type));
  Value* quotient = builder_.CreateSDiv(a, builder_.CreateSelect(is_minus_one, one, divisor));
  quotient = builder_.CreateSelect(is_minus_one, builder_.CreateNeg(a), quotient);
  return builder_.CreateSelect(is_zero, zero, quotient);
}

Value* ScalarCode::integer_power(Value* a, Value* b, DType dtype) {
  Value* operands[] = {cast(a, dtype, DType::F64), cast(b, dtype, DType::F64)};
  return cast(math_.call(ScalarOp::Pow, operands), DType::F64, dtype);
}

Value* ScalarCode::multiply_high(Value* a, Value* b) {
  llvm::Type* narrow = a->getType();
  llvm::Type* wide = register_type(DType::I64, lanes_of(a));
  Value* product = builder_.CreateMul(builder_.CreateZExt(a, wide), builder_.CreateZExt(b, wide));
  return builder_.CreateTrunc(builder_.CreateLShr(product, 32), narrow);
}

Value* ScalarCode::compare(ScalarOp op, Value* a, Value* b, DType dtype) {
  using P = llvm::CmpInst::Predicate;
  bool fp = is_float(dtype), sign = is_signed(dtype);
  auto choose = [&](P floating, P with_sign, P without) {
    P predicate = fp ? floating : sign ? with_sign : without;
    return fp ? builder_.CreateFCmp(predicate, a, b) : builder_.CreateICmp(predicate, a, b);
  };
  switch (op) {
    case ScalarOp::Eq:
      return choose(P::FCMP_OEQ, P::ICMP_EQ, P::ICMP_EQ);
    case ScalarOp::Ne:
      return choose(P::FCMP_UNE, P::ICMP_NE, P::ICMP_NE);
    case ScalarOp::Lt:
      return choose(P::FCMP_OLT, P::ICMP_SLT, P::ICMP_ULT);
    case ScalarOp::Le:
      return choose(P::FCMP_OLE, P::ICMP_SLE, P::ICMP_ULE);
    case ScalarOp::Gt:
      return choose(P::FCMP_OGT, P::ICMP_SGT, P::ICMP_UGT);
    case ScalarOp::Ge:
      return choose(P::FCMP_OGE, P::ICMP_SGE, P::ICMP_UGE);
    case ScalarOp::Add:
    case ScalarOp::Sub:
    case ScalarOp::Mul:
    case ScalarOp::Div:
    case ScalarOp::Neg:
    case ScalarOp::Abs:
    case ScalarOp::Min:
    case ScalarOp::Max:
    case ScalarOp::Fma:
    case ScalarOp::Sqrt:
    case ScalarOp::Exp:
    case ScalarOp::Log:
    case ScalarOp::Log1p:
    case ScalarOp::Tanh:
    case ScalarOp::Erf:
    case ScalarOp::Sin:
    case ScalarOp::Cos:
    case ScalarOp::Pow:
    case ScalarOp::Floor:
    case ScalarOp::Round:
    case ScalarOp::RoundF16:
    case ScalarOp::RoundBf16:
    case ScalarOp::And:
    case ScalarOp::Or:
    case ScalarOp::Xor:
    case ScalarOp::Not:
    case ScalarOp::ShiftRight:
    case ScalarOp::MulHigh:
    case ScalarOp::Select:
    case ScalarOp::Cast:
      break;
  }
  TARN_CHECK(false, "`{}` is no comparison", scalar_op_name(op));
  return nullptr;
}

Value* ScalarCode::is_preferred(Value* a, Value* b, DType dtype) {
  if (!is_float(dtype)) return compare(ScalarOp::Gt, a, b, dtype);
  return builder_.CreateAnd(builder_.CreateFCmpUGT(a, b), builder_.CreateFCmpORD(b, b));
}

Value* ScalarCode::cast(Value* x, DType from, DType to) {
  if (from == to) return x;
  int lanes = lanes_of(x);
  llvm::Type* type = register_type(to, lanes);
  if (to == DType::Bool) {
    Value* zero = llvm::Constant::getNullValue(x->getType());
    return is_float(from) ? builder_.CreateFCmpUNE(x, zero) : builder_.CreateICmpNE(x, zero);
  }
  if (is_float(from) && is_float(to)) return builder_.CreateFPCast(x, type);
  if (is_float(to)) return is_signed(from) ? builder_.CreateSIToFP(x, type) : builder_.CreateUIToFP(x, type);
  if (is_float(from)) {
    // Out of range would be poison with plain fptosi.
    llvm::Type* through = to == DType::U8 ? register_type(DType::I32, lanes) : type;
    Value* integer = builder_.CreateIntrinsic(llvm::Intrinsic::fptosi_sat, {through, x->getType()}, {x});
    return builder_.CreateTruncOrBitCast(integer, type);
  }
  return builder_.CreateIntCast(x, type, is_signed(from));
}

Value* ScalarCode::arithmetic(ScalarOp op, std::span<Value* const> x, DType dtype) {
  auto& b = builder_;
  bool fp = is_float(dtype);
  auto intrinsic = [&](ID id) { return fp ? b.CreateUnaryIntrinsic(id, x[0]) : x[0]; };
  switch (op) {
    case ScalarOp::Add:
      return fp ? b.CreateFAdd(x[0], x[1]) : b.CreateAdd(x[0], x[1]);
    case ScalarOp::Sub:
      return fp ? b.CreateFSub(x[0], x[1]) : b.CreateSub(x[0], x[1]);
    case ScalarOp::Mul:
      return fp ? b.CreateFMul(x[0], x[1]) : b.CreateMul(x[0], x[1]);
    case ScalarOp::Div:
      return fp ? b.CreateFDiv(x[0], x[1]) : integer_divide(x[0], x[1], dtype);
    case ScalarOp::Neg:
      return fp ? b.CreateFNeg(x[0]) : b.CreateNeg(x[0]);
    case ScalarOp::Abs:
      if (fp) return b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x[0]);
      return is_signed(dtype) ? b.CreateBinaryIntrinsic(llvm::Intrinsic::abs, x[0], b.getFalse()) : x[0];
    case ScalarOp::Min:
      return minimum(x[0], x[1], dtype, false);
    case ScalarOp::Max:
      return minimum(x[0], x[1], dtype, true);
    case ScalarOp::Fma:
      if (!fp) return multiply_add(x[0], x[1], x[2], dtype);
      return b.CreateIntrinsic(llvm::Intrinsic::fma, {x[0]->getType()}, {x[0], x[1], x[2]});
    case ScalarOp::Sqrt:
      return intrinsic(llvm::Intrinsic::sqrt);
    case ScalarOp::Floor:
      return intrinsic(llvm::Intrinsic::floor);
    case ScalarOp::Round:
      return intrinsic(llvm::Intrinsic::roundeven);
    case ScalarOp::RoundF16:
      return half_.round(x[0], DType::F16);
    case ScalarOp::RoundBf16:
      return half_.round(x[0], DType::BF16);
    case ScalarOp::Pow:
      if (!fp) return integer_power(x[0], x[1], dtype);
      return math_.call(op, x);
    case ScalarOp::And:
      return b.CreateAnd(x[0], x[1]);
    case ScalarOp::Or:
      return b.CreateOr(x[0], x[1]);
    case ScalarOp::Xor:
      return b.CreateXor(x[0], x[1]);
    case ScalarOp::Not:
      return b.CreateNot(x[0]);
    case ScalarOp::ShiftRight:
      return b.CreateLShr(
          x[0], b.CreateAnd(x[1], llvm::ConstantInt::get(x[1]->getType(), x[1]->getType()->getScalarSizeInBits() - 1)));
    case ScalarOp::MulHigh:
      return multiply_high(x[0], x[1]);
    case ScalarOp::Exp:
    case ScalarOp::Log:
    case ScalarOp::Log1p:
    case ScalarOp::Tanh:
    case ScalarOp::Erf:
    case ScalarOp::Sin:
    case ScalarOp::Cos:
      return math_.call(op, x);
    case ScalarOp::Eq:
    case ScalarOp::Ne:
    case ScalarOp::Lt:
    case ScalarOp::Le:
    case ScalarOp::Gt:
    case ScalarOp::Ge:
    case ScalarOp::Select:
    case ScalarOp::Cast:
      break;
  }
  TARN_CHECK(false, "`{}` is no arithmetic", scalar_op_name(op));
  return nullptr;
}

Value* ScalarCode::apply(ScalarOp op, std::span<Value* const> x, DType from, DType to) {
  if (is_comparison(op)) return compare(op, x[0], x[1], from);
  if (op == ScalarOp::Select) return builder_.CreateSelect(x[0], x[1], x[2]);
  if (op == ScalarOp::Cast) return cast(x[0], from, to);
  return arithmetic(op, x, to);
}

llvm::Constant* ScalarCode::identity(ReduceKind kind, DType dtype) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  llvm::Type* type = register_type(dtype, 1);
  unsigned bits = is_float(dtype) ? 0 : type->getIntegerBitWidth();
  switch (kind) {
    case ReduceKind::Sum:
      return constant(0, dtype);
    case ReduceKind::Prod:
      return constant(1, dtype);
    case ReduceKind::Max:
    case ReduceKind::ArgMax:
      if (is_float(dtype)) return constant(-kInfinity, dtype);
      return llvm::ConstantInt::get(type,
                                    is_signed(dtype) ? llvm::APInt::getSignedMinValue(bits) : llvm::APInt(bits, 0));
    case ReduceKind::Min:
      if (is_float(dtype)) return constant(kInfinity, dtype);
      return llvm::ConstantInt::get(
          type, is_signed(dtype) ? llvm::APInt::getSignedMaxValue(bits) : llvm::APInt::getMaxValue(bits));
  }
  return nullptr;
}

Value* ScalarCode::combine(ReduceKind kind, Value* sum, Value* value, DType dtype) {
  if (dtype == DType::Bool) {
    bool is_and = kind == ReduceKind::Prod || kind == ReduceKind::Min;
    return is_and ? builder_.CreateAnd(sum, value) : builder_.CreateOr(sum, value);
  }
  Value* operands[] = {sum, value};
  switch (kind) {
    case ReduceKind::Sum:
      return arithmetic(ScalarOp::Add, operands, dtype);
    case ReduceKind::Prod:
      return arithmetic(ScalarOp::Mul, operands, dtype);
    case ReduceKind::Max:
      return minimum(sum, value, dtype, true);
    case ReduceKind::Min:
      return minimum(sum, value, dtype, false);
    case ReduceKind::ArgMax:
      break;
  }
  TARN_CHECK(false, "argmax has no single combining operation");
  return nullptr;
}

}  // namespace tarn
