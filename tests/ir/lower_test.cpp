// An op's `lower`, which targets use, against its `eval`, which the interpreter uses: they are written independently.
#include <doctest/doctest.h>

#include <cmath>

#include "ir/op_def.h"
#include "tests/gradient_check.h"

namespace tarn {
namespace {

// Computes while it is emitted to: floats in f64, i32 and i64 as the machine's.
class EvaluatingEmitter : public ScalarEmitter {
 public:
  using ScalarEmitter::apply;

  Scalar value(double number, DType dtype) {
    values_.push_back(dtype == DType::I32 ? static_cast<double>(static_cast<int32_t>(number)) : number);
    return {static_cast<uint32_t>(values_.size() - 1), dtype};
  }
  double number(Scalar scalar) const { return values_[scalar.id]; }

  Scalar constant(double number, DType dtype) override { return value(number, dtype); }

  Scalar apply(ScalarOp op, std::span<const Scalar> x, DType cast_to) override {
    REQUIRE(static_cast<int>(x.size()) == scalar_op_arity(op));
    if (op != ScalarOp::Cast) {
      for (size_t i = op == ScalarOp::Select ? 2 : 1; i < x.size(); ++i) REQUIRE(x[i].dtype == x[i - 1].dtype);
    }
    DType dtype = x.back().dtype;
    if (op == ScalarOp::Cast) return cast_value(number(x[0]), x[0].dtype, cast_to);
    if (is_comparison(op)) return value(compare(op, number(x[0]), number(x[1])), DType::Bool);
    if (is_float(dtype)) return value(real(op, x), dtype);
    return value(static_cast<double>(integer(op, x, dtype)), dtype);
  }

 private:
  Scalar cast_value(double number, DType from, DType to) {
    REQUIRE(to != DType::Bool);
    if (is_float(from) && !is_float(to)) number = std::trunc(number);
    if (to == DType::I32) number = static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(number)));
    return value(number, to);
  }
  static double compare(ScalarOp op, double a, double b) {
    switch (op) {
      case ScalarOp::Eq:
        return a == b;
      case ScalarOp::Ne:
        return a != b;
      case ScalarOp::Lt:
        return a < b;
      case ScalarOp::Le:
        return a <= b;
      case ScalarOp::Gt:
        return a > b;
      default:
        return a >= b;
    }
  }
  double real(ScalarOp op, std::span<const Scalar> x) const {
    double a = number(x[0]), b = x.size() > 1 ? number(x[1]) : 0, c = x.size() > 2 ? number(x[2]) : 0;
    switch (op) {
      case ScalarOp::Add:
        return a + b;
      case ScalarOp::Sub:
        return a - b;
      case ScalarOp::Mul:
        return a * b;
      case ScalarOp::Div:
        return a / b;
      case ScalarOp::Neg:
        return -a;
      case ScalarOp::Abs:
        return std::fabs(a);
      case ScalarOp::Min:
        return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b);
      case ScalarOp::Max:
        return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b);
      case ScalarOp::Fma:
        return std::fma(a, b, c);
      case ScalarOp::Sqrt:
        return std::sqrt(a);
      case ScalarOp::Exp:
        return std::exp(a);
      case ScalarOp::Log:
        return std::log(a);
      case ScalarOp::Log1p:
        return std::log1p(a);
      case ScalarOp::Tanh:
        return std::tanh(a);
      case ScalarOp::Erf:
        return std::erf(a);
      case ScalarOp::Sin:
        return std::sin(a);
      case ScalarOp::Cos:
        return std::cos(a);
      case ScalarOp::Pow:
        return std::pow(a, b);
      case ScalarOp::Floor:
        return std::floor(a);
      case ScalarOp::Round:
        return std::nearbyint(a);
      case ScalarOp::Select:
        return a != 0 ? b : c;
      default:
        break;
    }
    FAIL("no float operation: " << scalar_op_name(op));
    return 0;
  }
  int64_t integer(ScalarOp op, std::span<const Scalar> x, DType dtype) const {
    auto bits = [&](size_t i) { return static_cast<uint64_t>(static_cast<int64_t>(number(x[i]))); };
    auto wrap = [&](uint64_t value) -> int64_t {
      return dtype == DType::I32 ? static_cast<int32_t>(static_cast<uint32_t>(value)) : static_cast<int64_t>(value);
    };
    double a = number(x[0]), b = x.size() > 1 ? number(x[1]) : 0, c = x.size() > 2 ? number(x[2]) : 0;
    uint64_t mask = dtype == DType::I32 ? 0xFFFFFFFFu : ~uint64_t{0};
    switch (op) {
      case ScalarOp::Add:
        return wrap(bits(0) + bits(1));
      case ScalarOp::Sub:
        return wrap(bits(0) - bits(1));
      case ScalarOp::Mul:
        return wrap(bits(0) * bits(1));
      case ScalarOp::Neg:
        return wrap(0 - bits(0));
      case ScalarOp::Abs:
        return static_cast<int64_t>(std::fabs(a));
      case ScalarOp::Min:
        return static_cast<int64_t>(std::min(a, b));
      case ScalarOp::Max:
        return static_cast<int64_t>(std::max(a, b));
      case ScalarOp::And:
        return wrap(bits(0) & bits(1));
      case ScalarOp::Or:
        return wrap(bits(0) | bits(1));
      case ScalarOp::Xor:
        return wrap(bits(0) ^ bits(1));
      case ScalarOp::Not:
        return dtype == DType::Bool ? a == 0 : wrap(~bits(0));
      case ScalarOp::ShiftRight:
        return wrap((bits(0) & mask) >> bits(1));
      case ScalarOp::MulHigh:
        return wrap(((bits(0) & 0xFFFFFFFFu) * (bits(1) & 0xFFFFFFFFu)) >> 32);
      case ScalarOp::Select:
        return static_cast<int64_t>(a != 0 ? b : c);
      default:
        break;
    }
    FAIL("no integer operation: " << scalar_op_name(op));
    return 0;
  }

  std::vector<double> values_;
};

bool agree(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::fabs(a - b) <= 1e-14 * std::max(std::fabs(a), std::fabs(b));
}

double lowered(const Elementwise& form, std::span<const double> x, std::span<const DType> dtypes, DType result) {
  EvaluatingEmitter emitter;
  std::vector<Scalar> operands;
  for (size_t i = 0; i < x.size(); ++i) operands.push_back(emitter.value(x[i], dtypes[i]));
  Scalar value = form.lower(emitter, operands, result);
  CHECK(value.dtype == result);
  return emitter.number(value);
}

}  // namespace

TEST_CASE("lower agrees with eval on the samples of elementwise ops") {
  std::mt19937_64 random(4);
  for (const OpDef* op : all_ops()) {
    const Elementwise* form = std::get_if<Elementwise>(&op->body);
    if (!form) continue;
    CAPTURE(op->name);
    for (const Sample& sample : op->samples) {
      Module module = module_of(*op, sample);
      DType result = module.funcs[0].type(module.funcs[0].results[0].value).dtype;
      std::vector<Tensor> inputs = draw(sample, random);
      std::vector<DType> dtypes;
      for (const Tensor& input : inputs) dtypes.push_back(input.type.dtype);
      for (size_t i = 0; i < inputs[0].data.size(); ++i) {
        std::vector<double> x;
        for (const Tensor& input : inputs) x.push_back(input.data[i]);
        CHECK(agree(to_dtype(form->eval(x), result), lowered(*form, x, dtypes, result)));
      }
    }
  }
}

TEST_CASE("lower agrees with eval on infinities, NaN, zeros and far-out numbers") {
  std::vector<double> corners = {0.0, -0.0, 1, -1, 100, -100, 1e4, -1e4, HUGE_VAL, -HUGE_VAL, NAN};
  for (const OpDef* op : all_ops()) {
    const Elementwise* form = std::get_if<Elementwise>(&op->body);
    if (!form || op->name == "select" || op->name == "cast") continue;
    Result<Type> type = op->shape({std::vector<Type>(op->arity, Type{DType::F64, {}}), {}});
    if (!type) continue;  // on bools only
    CAPTURE(op->name);
    std::vector<DType> dtypes(op->arity, DType::F64);
    for (double a : corners) {
      for (double b : corners) {
        CAPTURE(a);
        CAPTURE(b);
        std::vector<double> x = op->arity == 1 ? std::vector<double>{a} : std::vector<double>{a, b};
        CHECK(agree(form->eval(x), lowered(*form, x, dtypes, type->dtype)));
      }
    }
  }
}

TEST_CASE("sigmoid is 0 and 1 far out") {
  const Elementwise& form = std::get<Elementwise>(find_op("sigmoid")->body);
  DType f64[] = {DType::F64};
  for (double x : {-1e4, -1e3}) CHECK(lowered(form, {{x}}, f64, DType::F64) == 0);
  for (double x : {1e3, 1e4}) CHECK(lowered(form, {{x}}, f64, DType::F64) == 1);
}

TEST_CASE("lower agrees with eval on the samples of generating ops") {
  std::mt19937_64 random(5);
  for (const OpDef* op : all_ops()) {
    const Generate* form = std::get_if<Generate>(&op->body);
    if (!form) continue;
    CAPTURE(op->name);
    for (const Sample& sample : op->samples) {
      Module module = module_of(*op, sample);
      const Func& func = module.funcs[0];
      Type type = func.type(func.results[0].value);
      std::vector<Tensor> inputs = draw(sample, random);
      if (op->name == "random_uniform") inputs[0].data[0] = 0x1.23456789abp52;  // a seed of more than 32 bits
      Tensor expected = (*interpret(module, func, inputs))[0];
      Shape strides = row_major_strides(type.shape);
      for (size_t i = 0; i < expected.data.size(); ++i) {
        EvaluatingEmitter emitter;
        std::vector<Scalar> index, scalars;
        for (size_t d = 0; d < strides.size(); ++d) {
          int64_t position = static_cast<int64_t>(i) / strides[d] % type.shape[d];
          index.push_back(emitter.value(static_cast<double>(position), DType::I32));
        }
        for (const Tensor& input : inputs) scalars.push_back(emitter.value(input.data[0], input.type.dtype));
        Scalar value = form->lower(emitter, index, type.shape, scalars, sample.attrs, type.dtype);
        CHECK(value.dtype == type.dtype);
        CHECK(emitter.number(value) == expected.data[i]);
      }
    }
  }
}

}  // namespace tarn
