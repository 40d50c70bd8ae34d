// Lowers the op with an emitter that only counts.
#include "passes/scalar_cost.h"

#include <vector>

#include "ir/op_def.h"
#include "ir/scalar.h"

namespace tarn {

namespace {

class CountingEmitter : public ScalarEmitter {
 public:
  explicit CountingEmitter(int function_cost) : function_cost_(function_cost) {}

  Scalar constant(double, DType dtype) override { return {next_++, computed_dtype(dtype)}; }
  Scalar apply(ScalarOp op, std::span<const Scalar> operands, DType cast_to) override {
    cost += is_function(op) || op == ScalarOp::Div || op == ScalarOp::Sqrt ? function_cost_ : 1;
    return {next_++, result_dtype(op, operands, cast_to)};
  }

  int cost = 0;

 private:
  int function_cost_;
  uint32_t next_ = 0;
};

}  // namespace

int scalar_cost(const Func& func, const Op& op, int function_cost) {
  const Elementwise* body = std::get_if<Elementwise>(&op.def->body);
  if (!body) return 0;
  CountingEmitter emitter(function_cost);
  std::vector<Scalar> operands;
  for (ValueId operand : op.operands) operands.push_back(emitter.constant(0, func.type(operand).dtype));
  body->lower(emitter, operands, func.type(op.result()).dtype);
  return emitter.cost;
}

}  // namespace tarn
