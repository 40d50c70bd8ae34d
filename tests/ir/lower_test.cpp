// An op's `lower`, which targets use, against its `eval`, which the interpreter uses: they are written independently.
#include <doctest/doctest.h>

#include <cmath>

#include "ir/half.h"
#include "ir/op_def.h"
#include "tests/gradient_check.h"
#include "tests/scalar_reference.h"

namespace tarn {
namespace {

// Computes while it is emitted to: floats in f64, i32 and i64 as the machine's.
class EvaluatingEmitter : public ScalarEmitter {
 public:
  using ScalarEmitter::apply;

  // A number of a 16-bit dtype is an f32.
  Scalar value(double number, DType dtype) {
    if (is_half(dtype)) return value(number, DType::F32);
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
    std::vector<double> numbers;
    for (const Scalar& operand : x) numbers.push_back(number(operand));
    if (op == ScalarOp::Cast && is_half(cast_to)) return value(round_to_half(numbers[0], cast_to), cast_to);
    DType dtype = result_dtype(op, x, cast_to);
    return value(scalar_result(op, numbers, x.back().dtype, dtype), dtype);
  }

 private:
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
  CHECK(value.dtype == computed_dtype(result));
  return to_dtype(emitter.number(value), result);
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
        for (const Tensor& input : inputs) x.push_back(to_dtype(input.data[i], input.type.dtype));
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
        CHECK(value.dtype == computed_dtype(type.dtype));
        CHECK(to_dtype(emitter.number(value), type.dtype) == expected.data[i]);
      }
    }
  }
}

}  // namespace tarn
