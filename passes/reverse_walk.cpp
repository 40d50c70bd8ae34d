// Ops from the last to the first; each hands the cotangents of its results on to its operands.
#include "passes/reverse_walk.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/base/check.h"
#include "ir/scan.h"
#include "passes/autodiff_scan.h"

namespace tarn {

void mark_dependents(const Module& module, const Func& func, std::vector<bool>& depends) {
  for (const Op& op : func.ops) {
    std::vector<bool> of_operands;
    for (ValueId operand : op.operands) of_operands.push_back(depends[operand.index]);
    if (std::find(of_operands.begin(), of_operands.end(), true) == of_operands.end()) continue;
    std::vector<bool> of_results(op.results.size(), true);
    if (is_scan(op)) of_results = scan_dependents(module, op, of_operands).results;
    for (size_t r = 0; r < op.results.size(); ++r) {
      if (of_results[r] && is_float(func.type(op.results[r]).dtype)) depends[op.results[r].index] = true;
    }
  }
}

std::optional<Error> ReverseWalk::run() {
  Location location = b_.location();
  depends_.assign(func_.values.size(), false);
  for (ValueId target : targets_) depends_[target.index] = true;
  mark_dependents(module_, func_, depends_);
  cotangents_.resize(func_.values.size());
  size_t forward_ops = func_.ops.size();  // what is emitted from here on comes after them
  for (const Seed& seed : seeds_) {
    if (!depends_[seed.value.index]) continue;
    bool is_given = seed.cotangent.is_valid();
    add_cotangent(seed.value, is_given ? seed.cotangent : b_.constant(1.0, Type(func_.type(seed.value))));
  }
  for (size_t i = forward_ops; i-- > 0;) {
    if (std::optional<Error> error = step_back(i)) return error;
  }
  b_.set_location(location);
  return std::nullopt;
}

std::optional<ValueId> ReverseWalk::gradient_of(ValueId target) {
  ValueId gradient = cotangents_[target.index];
  if (!gradient.is_valid()) return std::nullopt;
  name_gradient(target, gradient);
  return gradient;
}

void ReverseWalk::add_cotangent(ValueId value, ValueId contribution) {
  ValueId& sum = cotangents_[value.index];
  sum = sum.is_valid() ? b_.add(sum, contribution) : contribution;
}

// Names the complete gradient `d.<primal>`, unless it has such a name already: sums pass theirs on unchanged.
void ReverseWalk::name_gradient(ValueId primal, ValueId gradient) {
  bool is_new = gradient.index >= named_.size() || !named_[gradient.index];
  if (gradient.index < depends_.size() || !is_new) return;
  named_.resize(func_.values.size(), false);
  named_[gradient.index] = true;
  func_.rename(gradient, "d." + func_.name_of(primal));
}

// Passes the cotangents of op `index`'s results on to its operands.
std::optional<Error> ReverseWalk::step_back(size_t index) {
  Op op = func_.ops[index];  // a copy: emitting moves the originals
  bool reached = false;
  for (ValueId result : op.results) reached = reached || cotangents_[result.index].is_valid();
  if (!reached) return std::nullopt;
  std::vector<bool> needs;
  for (ValueId operand : op.operands) needs.push_back(depends_[operand.index]);
  if (std::find(needs.begin(), needs.end(), true) == needs.end()) return std::nullopt;
  for (ValueId result : op.results) {
    if (cotangents_[result.index].is_valid()) name_gradient(result, cotangents_[result.index]);
  }
  b_.set_location(op.location);
  Result<Gradients> gradients = gradients_of(index, needs);
  if (!gradients) return gradients.error();
  TARN_CHECK(gradients->size() == op.operands.size(), "vjp of `{}` gives {} gradients", op.def->name,
             gradients->size());
  for (size_t i = 0; i < gradients->size(); ++i) {
    std::optional<ValueId> gradient = (*gradients)[i];
    if (!needs[i] || !gradient) continue;
    TARN_CHECK(func_.type(*gradient) == func_.type(op.operands[i]), "vjp of `{}` gives {} for an operand of {}",
               op.def->name, func_.type(*gradient).text(), func_.type(op.operands[i]).text());
    add_cotangent(op.operands[i], *gradient);
  }
  return std::nullopt;
}

Result<Gradients> ReverseWalk::gradients_of(size_t index, const std::vector<bool>& needs) {
  Op op = func_.ops[index];
  std::vector<ValueId> cotangents;
  for (ValueId result : op.results) cotangents.push_back(cotangents_[result.index]);
  if (is_scan(op)) return scan_gradients(module_, b_, index, cotangents, needs);
  if (!op.def->vjp) {
    return Error{fmt::format("`{}` (op `{}`) lies on the path of a gradient, but has no gradient rule",
                             func_.name_of(op.result()), op.def->name),
                 "autodiff.rule", -1, op.location};
  }
  return op.def->vjp({b_, op, op.operands, op.result(), cotangents.front(), needs});
}

}  // namespace tarn
