// A rule for each form: dimension 0 is the slice, the op's own dimensions follow.
#include "passes/batched_op.h"

#include <numeric>

#include "ir/base/check.h"
#include "ir/contract_spec.h"
#include "ir/op_def.h"
#include "ir/shape_rules.h"

namespace tarn {

bool can_batch(const Op& op) {
  return std::holds_alternative<Elementwise>(op.def->body) || std::holds_alternative<View>(op.def->body) ||
         std::holds_alternative<Reduce>(op.def->body) || std::holds_alternative<Contract>(op.def->body);
}

static std::string contract_spec(const Op& op, const std::vector<BatchedOperand>& operands) {
  ContractSpec spec = *parse_contract_spec(attr_string(op.attrs, "spec"));
  char label = 'a';
  while ((spec.lhs + spec.rhs).find(label) != std::string::npos) ++label;
  TARN_CHECK(label <= 'z', "`{}` leaves no label", spec.text());
  if (operands[0].is_stack) spec.lhs = label + spec.lhs;
  if (operands[1].is_stack) spec.rhs = label + spec.rhs;
  spec.result = label + spec.result;
  return spec.text();
}

// The value repeated for each slice.
static ValueId repeated(Builder& b, ValueId value, int64_t length) {
  Shape shape = b.type(value).shape;
  std::vector<int64_t> dims(shape.size());
  std::iota(dims.begin(), dims.end(), 1);
  shape.insert(shape.begin(), length);
  return b.broadcast(value, shape, dims);
}

ValueId batch_op(Builder& b, const Op& op, const std::vector<BatchedOperand>& operands, int64_t length) {
  std::vector<ValueId> values;
  bool is_contract = std::holds_alternative<Contract>(op.def->body);
  for (const BatchedOperand& operand : operands) {
    bool fits = operand.is_stack || is_contract;
    values.push_back(fits ? operand.value : repeated(b, operand.value, length));
  }
  Attrs attrs = op.attrs;
  if (is_contract) attrs["spec"] = contract_spec(op, operands);
  if (const View* view = std::get_if<View>(&op.def->body)) attrs = view->of_stack(op.attrs, length);
  if (std::holds_alternative<Reduce>(op.def->body)) attrs["axes"] = one_further(attr_ints(op.attrs, "axes"));
  b.set_location(op.location);
  return b.op(*op.def, values, attrs);
}

}  // namespace tarn
