// The cotangents of a loop's constants: sums over all runs, taken after the loop where their operands can be stacked.
#include <fmt/format.h>

#include <algorithm>

#include "ir/contract_spec.h"
#include "passes/scan_gradient.h"

namespace tarn {

ValueId ScanGradient::stack_of(ValueId value, bool is_emitted) {
  bool is_given = outside_.contains(value) && !invariant_[value.index];
  if (is_given || is_forward(value) || is_carry_arg(value)) return residual(value);
  if (!is_emitted) stacked_.try_emplace(value);
  return is_emitted ? stacked_.at(value) : ValueId{};
}

bool ScanGradient::is_stacked(ValueId value) const {
  return stacked_.contains(value) || (outside_.contains(value) && !invariant_[value.index]);
}

// The sum of its results is its result of sums.
static bool passes_sums_on(const Op& op) {
  return op.def->is_linear || std::holds_alternative<View>(op.def->body);
}

std::optional<std::string> ScanGradient::product_over_time(const Op& op) const {
  if (!std::holds_alternative<Contract>(op.def->body)) return std::nullopt;
  if (invariant_[op.operands[0].index] || invariant_[op.operands[1].index]) return std::nullopt;
  ContractSpec spec = *parse_contract_spec(attr_string(op.attrs, "spec"));
  for (char label = 'a'; label <= 'z'; ++label) {
    bool is_used = (spec.lhs + spec.rhs).find(label) != std::string::npos;
    if (!is_used) return fmt::format("{1}{0},{1}{2}->{3}", spec.lhs, label, spec.rhs, spec.result);
  }
  return std::nullopt;
}

void ScanGradient::collect_products(ValueId value) {
  if (!value.is_valid() || defining_[value.index] < 0 || is_forward(value)) return;
  const Op& op = op_of(value);
  if (product_over_time(op)) {
    for (ValueId operand : op.operands) stack_of(operand, false);
  } else if (passes_sums_on(op)) {
    for (ValueId operand : op.operands) collect_products(operand);
  }
}

ValueId ScanGradient::sum_over_time(ValueId value, bool is_emitted) {
  if (defining_[value.index] < 0 || is_forward(value)) return accumulated(value, is_emitted);
  const Op op = op_of(value);
  if (std::optional<std::string> spec = product_over_time(op)) {
    ValueId lhs = stack_of(op.operands[0], is_emitted), rhs = stack_of(op.operands[1], is_emitted);
    return is_emitted ? outer_op(op, value, {lhs, rhs}, with_attr(op.attrs, "spec", *spec)) : ValueId{};
  }
  const Reduce* reduce = std::get_if<Reduce>(&op.def->body);
  if (reduce && reduce->kind == ReduceKind::Sum && is_stacked(op.operands[0])) {
    std::vector<int64_t> axes = {0};
    for (int64_t axis : attr_ints(op.attrs, "axes")) axes.push_back(axis + 1);
    ValueId stack = stack_of(op.operands[0], is_emitted);
    return is_emitted ? outer_op(op, value, {stack}, with_attr(op.attrs, "axes", axes)) : ValueId{};
  }
  if (!passes_sums_on(op) || !holds_sum(value)) return accumulated(value, is_emitted);
  std::vector<ValueId> operands;
  for (ValueId operand : op.operands) operands.push_back(sum_over_time(operand, is_emitted));
  return is_emitted ? outer_op(op, value, std::move(operands), op.attrs) : ValueId{};
}

bool ScanGradient::holds_sum(ValueId value) const {
  if (defining_[value.index] < 0 || is_forward(value)) return false;
  const Op& op = op_of(value);
  if (product_over_time(op)) return true;
  if (const Reduce* reduce = std::get_if<Reduce>(&op.def->body)) {
    return reduce->kind == ReduceKind::Sum && is_stacked(op.operands[0]);
  }
  return passes_sums_on(op) &&
         std::any_of(op.operands.begin(), op.operands.end(), [&](ValueId v) { return holds_sum(v); });
}

ValueId ScanGradient::outer_op(const Op& like, ValueId value, std::vector<ValueId> operands, Attrs attrs) {
  b_.set_location(like.location);
  b_.set_next_name(body_.name_of(value));
  return b_.op(*like.def, std::move(operands), std::move(attrs));
}

ValueId ScanGradient::accumulated(ValueId value, bool is_emitted) {
  if (!is_emitted) accumulated_.try_emplace(value);
  return is_emitted ? accumulated_.at(value) : ValueId{};
}

}  // namespace tarn
