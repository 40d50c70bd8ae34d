// Polynomials for elementary functions; constants from the sources named at each.
#include "codegen/target/cpu/emit/vector_math.h"

#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>

#include <cmath>
#include <limits>

#include "ir/base/check.h"

namespace tarn {

using llvm::Value;

Value* VectorMath::number(Value* like, double value) {
  return llvm::ConstantFP::get(like->getType(), value);
}

llvm::Type* VectorMath::integer_type(Value* like) {
  llvm::Type* element = builder_.getInt32Ty();
  if (auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(like->getType())) {
    return llvm::FixedVectorType::get(element, vector->getNumElements());
  }
  return element;
}

Value* VectorMath::integer(Value* like, int64_t value) {
  return llvm::ConstantInt::getSigned(integer_type(like), value);
}

Value* VectorMath::multiply_add(Value* a, Value* b, Value* c) {
  if (!target_.has_fma) return builder_.CreateFAdd(builder_.CreateFMul(a, b), c);
  return builder_.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, c});
}

Value* VectorMath::polynomial(Value* x, std::initializer_list<double> coefficients) {
  Value* sum = nullptr;
  for (double coefficient : coefficients) {
    sum = sum ? multiply_add(sum, x, number(x, coefficient)) : number(x, coefficient);
  }
  return sum;
}

Value* VectorMath::power_of_two(Value* exponent) {
  llvm::Type* type = builder_.getFloatTy();
  if (auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(exponent->getType())) {
    type = llvm::FixedVectorType::get(type, vector->getNumElements());
  }
  Value* biased = builder_.CreateAdd(exponent, llvm::ConstantInt::get(exponent->getType(), 127));
  return builder_.CreateBitCast(builder_.CreateShl(biased, 23), type);
}

// Cephes expf: exp(x) = 2^n * exp(r), |r| <= ln(2)/2.
Value* VectorMath::exp(Value* x) {
  auto& b = builder_;
  // Beyond these the result is 0 or infinity; comparisons with NaN are false, so NaN stays.
  Value* low = b.CreateSelect(b.CreateFCmpOLT(x, number(x, -104.0)), number(x, -104.0), x);
  Value* clamped = b.CreateSelect(b.CreateFCmpOGT(low, number(x, 89.0)), number(x, 89.0), low);
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
  Value* magic = number(x, 12582912.0);
  Value* shifted = multiply_add(clamped, number(x, 1.44269504088896341), magic);
  Value* n = b.CreateFSub(shifted, magic);
  Value* r = multiply_add(n, number(x, -0.693359375), clamped);
  r = multiply_add(n, number(x, 2.12194440e-4), r);
  Value* p = polynomial(
      r, {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1});
  Value* square = b.CreateFMul(r, r);
  Value* mantissa = b.CreateFAdd(multiply_add(p, square, r), number(x, 1.0));
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(x->getType());
  if (target_.has_broadcast_operand && vector && vector->getNumElements() == 16) {
    Value* all = b.getInt16(0xFFFF);
    return b.CreateIntrinsic(llvm::Intrinsic::x86_avx512_mask_scalef_ps_512, {},
                             {mantissa, n, mantissa, all, b.getInt32(4)});  // 4: the current rounding mode
  }
  Value* exponent = b.CreateSub(b.CreateBitCast(shifted, integer_type(x)), integer(x, 0x4B400000));
  // In two steps: 2^n itself may be no normal number.
  Value* half = b.CreateAShr(exponent, 1);
  Value* rest = b.CreateSub(exponent, half);
  return b.CreateFMul(b.CreateFMul(mantissa, power_of_two(half)), power_of_two(rest));
}

// Cephes logf: x = m * 2^e with m in [sqrt(1/2), sqrt(2)).
Value* VectorMath::log(Value* x) {
  auto& b = builder_;
  Value* is_tiny = b.CreateFCmpOLT(x, number(x, 1.17549435e-38));
  Value* normal = b.CreateSelect(is_tiny, b.CreateFMul(x, number(x, 8388608.0)), x);
  Value* bits = b.CreateBitCast(normal, integer_type(x));
  // Subtracting the bits of sqrt(1/2) puts the exponent of m's interval into the high bits.
  Value* offset = b.CreateSub(bits, integer(x, 0x3F3504F3));
  Value* exponent = b.CreateAShr(offset, 23);
  Value* m_bits = b.CreateAdd(b.CreateAnd(offset, integer(x, 0x007FFFFF)), integer(x, 0x3F3504F3));
  Value* z = b.CreateFSub(b.CreateBitCast(m_bits, x->getType()), number(x, 1.0));
  exponent = b.CreateAdd(exponent, b.CreateSelect(is_tiny, integer(x, -23), integer(x, 0)));
  Value* e = b.CreateSIToFP(exponent, x->getType());
  Value* p = polynomial(z, {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                            -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1});
  Value* square = b.CreateFMul(z, z);
  Value* y = b.CreateFMul(b.CreateFMul(p, z), square);
  y = multiply_add(e, number(x, -2.12194440e-4), y);
  y = multiply_add(square, number(x, -0.5), y);
  y = b.CreateFAdd(z, y);
  y = multiply_add(e, number(x, 0.693359375), y);
  double infinity = std::numeric_limits<double>::infinity();
  y = b.CreateSelect(b.CreateFCmpOEQ(x, number(x, 0.0)), number(x, -infinity), y);
  y = b.CreateSelect(b.CreateFCmpOLT(x, number(x, 0.0)), number(x, std::nan("")), y);
  return b.CreateSelect(b.CreateFCmpOLT(x, number(x, infinity)), y, x);  // infinity and NaN stay
}

// log1p(x) = log(u) + (x - (u - 1)) / u with u = 1 + x rounded.
Value* VectorMath::log1p(Value* x) {
  auto& b = builder_;
  Value* one = number(x, 1.0);
  Value* u = b.CreateFAdd(x, one);
  Value* lost = b.CreateFSub(x, b.CreateFSub(u, one));
  Value* logarithm = log(u);
  Value* corrected = b.CreateFAdd(logarithm, b.CreateFDiv(lost, u));
  Value* is_plain = b.CreateAnd(b.CreateFCmpOGT(u, number(x, 0.0)),
                                b.CreateFCmpOLT(u, number(x, std::numeric_limits<double>::infinity())));
  Value* result = b.CreateSelect(is_plain, corrected, logarithm);
  return b.CreateSelect(b.CreateFCmpOEQ(x, number(x, 0.0)), x, result);  // keeps -0
}

// Cephes tanhf.
Value* VectorMath::tanh(Value* x) {
  auto& b = builder_;
  Value* magnitude = b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
  Value* square = b.CreateFMul(x, x);
  Value* p =
      polynomial(square, {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1});
  Value* small = multiply_add(b.CreateFMul(p, square), x, x);
  Value* e = exp(b.CreateFAdd(magnitude, magnitude));
  Value* large = b.CreateFSub(number(x, 1.0), b.CreateFDiv(number(x, 2.0), b.CreateFAdd(e, number(x, 1.0))));
  Value* result = b.CreateSelect(b.CreateFCmpOLT(magnitude, number(x, 0.625)), small, large);
  return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, result, x);  // -0 too
}

// N. Juffa's erff (forums.developer.nvidia.com, "a faster and more accurate implementation of erff").
Value* VectorMath::erf(Value* x) {
  auto& b = builder_;
  Value* magnitude = b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
  // erf(4) rounds to 1.
  Value* t = b.CreateSelect(b.CreateFCmpOGT(magnitude, number(x, 4.0)), number(x, 4.0), magnitude);
  Value* s = b.CreateFMul(t, t);
  Value* r = polynomial(t, {-1.72853470e-5, 3.83197126e-4});
  Value* u = polynomial(t, {-3.88396438e-3, 2.42546219e-2});
  r = multiply_add(r, s, u);
  for (double coefficient : {-1.06777877e-1, -6.34846687e-1, -1.28717512e-1}) {
    r = multiply_add(r, t, number(x, coefficient));
  }
  r = multiply_add(r, t, b.CreateFNeg(t));
  Value* large = b.CreateFSub(number(x, 1.0), exp(r));
  large = b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, large, x);
  Value* p =
      polynomial(s, {-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1});
  Value* small = multiply_add(p, x, x);
  return b.CreateSelect(b.CreateFCmpOGT(magnitude, number(x, 0.927734375)), large, small);
}

// N. Juffa's sinf and cosf (stackoverflow.com/questions/30463616): x = q * pi/2 + r.
Value* VectorMath::sine_reduced(Value* x, bool is_cosine) {
  auto& b = builder_;
  Value* magic = number(x, 12582912.0);
  Value* shifted = multiply_add(x, number(x, 0.636619747), magic);
  Value* q = b.CreateFSub(shifted, magic);
  Value* r = x;
  for (double part : {-1.57079601e+00, -3.13916473e-07, -5.39030253e-15}) r = multiply_add(q, number(x, part), r);
  Value* quadrant = b.CreateBitCast(shifted, integer_type(x));
  if (is_cosine) quadrant = b.CreateAdd(quadrant, integer(x, 1));
  Value* s = b.CreateFMul(r, r);
  Value* sine = polynomial(s, {2.86567956e-6, -1.98559923e-4, 8.33338592e-3, -1.66666672e-1});
  sine = multiply_add(sine, b.CreateFMul(r, s), r);
  Value* cosine = polynomial(s, {2.44677067e-5, -1.38877297e-3, 4.16666567e-2, -0.5, 1.0});
  Value* is_odd = b.CreateICmpNE(b.CreateAnd(quadrant, integer(x, 1)), integer(x, 0));
  Value* value = b.CreateSelect(is_odd, cosine, sine);
  Value* is_negative = b.CreateICmpNE(b.CreateAnd(quadrant, integer(x, 2)), integer(x, 0));
  return b.CreateSelect(is_negative, b.CreateFNeg(value), value);
}

// Where any lane is large, infinite or NaN, all lanes go to the library.
Value* VectorMath::sine(Value* x, bool is_cosine) {
  auto& b = builder_;
  std::string name = is_cosine ? "cosf" : "sinf";
  if (!target_.has_fma) return library(name, {&x, 1});  // three-part reduction needs exact products
  Value* is_small = b.CreateFCmpOLT(b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x), number(x, 1e5));
  if (x->getType()->isVectorTy()) is_small = b.CreateAndReduce(is_small);
  llvm::Function* function = b.GetInsertBlock()->getParent();
  auto* fast = llvm::BasicBlock::Create(b.getContext(), name + ".fast", function);
  auto* slow = llvm::BasicBlock::Create(b.getContext(), name + ".large", function);
  auto* join = llvm::BasicBlock::Create(b.getContext(), name + ".end", function);
  b.CreateCondBr(is_small, fast, slow);
  b.SetInsertPoint(slow);
  Value* slow_result = library(name, {&x, 1});
  b.CreateBr(join);
  b.SetInsertPoint(fast);
  Value* fast_result = sine_reduced(x, is_cosine);
  b.CreateBr(join);
  b.SetInsertPoint(join);
  llvm::PHINode* result = b.CreatePHI(x->getType(), 2);
  result->addIncoming(fast_result, fast);
  result->addIncoming(slow_result, slow);
  return result;
}

Value* VectorMath::library(const std::string& name, std::span<Value* const> x) {
  llvm::Type* scalar = x[0]->getType()->getScalarType();
  std::vector<llvm::Type*> parameters(x.size(), scalar);
  llvm::Module* module = builder_.GetInsertBlock()->getModule();
  llvm::FunctionCallee callee = module->getOrInsertFunction(name, llvm::FunctionType::get(scalar, parameters, false));
  auto* function = llvm::cast<llvm::Function>(callee.getCallee());
  function->setDoesNotThrow();
  function->setDoesNotAccessMemory();
  function->setWillReturn();
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(x[0]->getType());
  if (!vector) return builder_.CreateCall(callee, llvm::ArrayRef<Value*>(x.data(), x.size()));
  Value* result = llvm::PoisonValue::get(vector);
  for (unsigned lane = 0; lane < vector->getNumElements(); ++lane) {
    std::vector<Value*> arguments;
    for (Value* operand : x) arguments.push_back(builder_.CreateExtractElement(operand, lane));
    result = builder_.CreateInsertElement(result, builder_.CreateCall(callee, arguments), lane);
  }
  return result;
}

Value* VectorMath::call(ScalarOp op, std::span<Value* const> x) {
  bool is_double = x[0]->getType()->getScalarType()->isDoubleTy();
  if (op == ScalarOp::Pow) return library(is_double ? "pow" : "powf", x);
  if (is_double) return library(std::string(scalar_op_name(op)), x);
  switch (op) {
    case ScalarOp::Exp:
      return exp(x[0]);
    case ScalarOp::Log:
      return log(x[0]);
    case ScalarOp::Log1p:
      return log1p(x[0]);
    case ScalarOp::Tanh:
      return tanh(x[0]);
    case ScalarOp::Erf:
      return erf(x[0]);
    case ScalarOp::Sin:
      return sine(x[0], false);
    case ScalarOp::Cos:
      return sine(x[0], true);
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
    case ScalarOp::Pow:
    case ScalarOp::Floor:
    case ScalarOp::Round:
    case ScalarOp::RoundF16:
    case ScalarOp::RoundBf16:
    case ScalarOp::Eq:
    case ScalarOp::Ne:
    case ScalarOp::Lt:
    case ScalarOp::Le:
    case ScalarOp::Gt:
    case ScalarOp::Ge:
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
  TARN_CHECK(false, "`{}` is no elementary function", scalar_op_name(op));
  return nullptr;
}

}  // namespace tarn
