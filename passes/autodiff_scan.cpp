// Differentiates the body, then parts it into a forward and a backward one.
#include "passes/autodiff_scan.h"

#include <algorithm>

#include "passes/reverse_walk.h"
#include "passes/rewrite.h"
#include "passes/scan_gradient.h"
#include "passes/stacked_output.h"

namespace tarn {

ScanDependents scan_dependents(const Module& module, const Op& scan, const std::vector<bool>& operands) {
  ScanParts parts(scan);
  const Func& body = *module.find(parts.body);
  ScanDependents made{operands, {}};
  for (size_t i = 0; i < operands.size(); ++i) {
    made.body_args[i] = operands[i] && is_float(body.type(body.args[i].value).dtype);
  }
  for (bool changed = true; changed;) {
    changed = false;
    std::vector<bool> depends(body.values.size(), false);
    for (size_t i = 0; i < body.args.size(); ++i) depends[body.args[i].value.index] = made.body_args[i];
    mark_dependents(module, body, depends);
    made.results.clear();
    for (size_t r = 0; r < body.results.size(); ++r) {
      made.results.push_back(depends[body.results[r].value.index]);
      if (r >= parts.carries || !made.results[r] || made.body_args[r]) continue;
      made.body_args[r] = true;
      changed = true;
    }
  }
  // With no run at all a carry is its initial value.
  for (size_t c = 0; c < parts.carries; ++c) made.results[c] = made.results[c] || made.body_args[c];
  return made;
}

Result<Gradients> ScanGradient::run() {
  forward_ops_ = body_.ops.size();
  if (std::optional<Error> error = differentiate()) return *error;
  defining_ = defining_ops(body_);
  find_invariants();
  for (size_t i = 0; i < parts_.constants; ++i) collect_products(constant_cotangent(i));
  for (size_t i = 0; i < parts_.constants; ++i) {
    if (ValueId cotangent = constant_cotangent(i); cotangent.is_valid()) sum_over_time(cotangent, false);
  }
  build_backward();
  Gradients gradients = emit();
  restore_body();
  return gradients;
}

std::vector<bool> ScanGradient::carries_with_cotangents() const {
  std::vector<bool> made(parts_.carries);
  for (size_t c = 0; c < parts_.carries; ++c) made[c] = cotangents_[c].is_valid();
  for (bool changed = true; changed;) {
    std::vector<bool> reaches(body_.values.size(), false);
    for (size_t r = 0; r < body_.results.size(); ++r) {
      bool has_cotangent = r < parts_.carries ? made[r] : cotangents_[r].is_valid();
      if (has_cotangent) reaches[body_.results[r].value.index] = true;
    }
    for (size_t i = body_.ops.size(); i-- > 0;) {
      const Op& op = body_.ops[i];
      bool is_read = std::any_of(op.results.begin(), op.results.end(), [&](ValueId v) { return reaches[v.index]; });
      for (ValueId operand : op.operands) reaches[operand.index] = reaches[operand.index] || is_read;
    }
    changed = false;
    for (size_t c = 0; c < parts_.carries; ++c) {
      if (made[c] || !reaches[body_.args[c].value.index]) continue;
      made[c] = changed = true;
    }
  }
  return made;
}

std::optional<Error> ScanGradient::differentiate() {
  ScanDependents dependents = scan_dependents(module_, op_, needs_);
  std::vector<bool> has_cotangent = carries_with_cotangents();
  Builder inner(body_);
  forward_args_ = body_.args.size();
  std::vector<ReverseWalk::Seed> seeds;
  std::vector<ValueId> targets;
  for (size_t c = 0; c < parts_.carries; ++c) {
    if (!dependents.body_args[c] || !has_cotangent[c]) continue;
    ValueId next = body_.results[c].value;
    ValueId cotangent = inner.argument(body_.type(next), "d." + body_.results[c].name);
    carries_.push_back({c, cotangent, {}});
    seeds.push_back({next, cotangent});
  }
  for (size_t j = 0; j < parts_.outputs; ++j) {
    if (!dependents.results[parts_.output(j)] || !cotangents_[parts_.output(j)].is_valid()) continue;
    const FuncResult& output = body_.results[parts_.output(j)];
    ValueId cotangent = inner.argument(body_.type(output.value), "d." + output.name);
    outside_[cotangent] = cotangents_[parts_.output(j)];
    seeds.push_back({output.value, cotangent});
  }
  for (size_t i = 0; i < forward_args_; ++i) {
    if (dependents.body_args[i]) targets.push_back(body_.args[i].value);
  }
  ReverseWalk walk(module_, inner, seeds, targets);
  if (std::optional<Error> error = walk.run()) return error;
  arg_cotangents_.resize(forward_args_);
  for (size_t i = 0; i < forward_args_; ++i) {
    if (!dependents.body_args[i]) continue;
    arg_cotangents_[i] = walk.gradient_of(body_.args[i].value).value_or(ValueId{});
  }
  for (Carry& carry : carries_) {
    carry.next = arg_cotangents_[carry.position];
    if (!carry.next.is_valid()) carry.next = inner.constant(0, Type(body_.type(carry.value)));
  }
  for (size_t i = 0; i < forward_args_; ++i) {
    if (i >= parts_.carries) outside_[body_.args[i].value] = op_.operands[i];
  }
  return std::nullopt;
}

ValueId ScanGradient::constant_cotangent(size_t i) const {
  return needs_[parts_.constant(i)] ? arg_cotangents_[parts_.constant(i)] : ValueId{};
}

void ScanGradient::find_invariants() {
  invariant_.assign(body_.values.size(), false);
  for (size_t i = 0; i < parts_.constants; ++i) invariant_[body_.args[parts_.constant(i)].value.index] = true;
  for (const Op& op : body_.ops) {
    bool all = !is_scan(op) && std::all_of(op.operands.begin(), op.operands.end(),
                                           [&](ValueId operand) { return invariant_[operand.index]; });
    for (ValueId result : op.results) invariant_[result.index] = all;
  }
}

bool ScanGradient::is_forward(ValueId value) const {
  int op = defining_[value.index];
  return op >= 0 && static_cast<size_t>(op) < forward_ops_;
}

bool ScanGradient::is_computed_again(ValueId value) const {
  const Op& op = op_of(value);
  if (invariant_[value.index] || std::holds_alternative<View>(op.def->body)) return true;
  return std::holds_alternative<Elementwise>(op.def->body) && body_.type(value).dtype == DType::Bool;
}

bool ScanGradient::is_carry_arg(ValueId value) const {
  for (size_t c = 0; c < parts_.carries; ++c) {
    if (body_.args[c].value == value) return true;
  }
  return false;
}

ValueId ScanGradient::residual(ValueId value) {
  if (auto found = outside_.find(value); found != outside_.end()) return found->second;
  return outside_[value] = stacked_output(b_.func(), b_.func().ops[index_], body_, value);
}

Gradients ScanGradient::emit() {
  std::vector<ValueId> initial, sequences, constants;
  for (const Carry& carry : carries_) {
    ValueId cotangent = cotangents_[carry.position];
    initial.push_back(cotangent.is_valid() ? cotangent : b_.constant(0, Type(body_.type(carry.value))));
  }
  for (const auto& [value, sum] : accumulated_) initial.push_back(b_.constant(0, Type(body_.type(value))));
  for (const auto& [value, stack] : sequences_) sequences.push_back(stack);
  for (const auto& [value, outside] : constants_) constants.push_back(outside);
  Gradients gradients(op_.operands.size());
  std::vector<ValueId> results;
  if (!backward_.results.empty()) {  // else every gradient is a cotangent as it came
    module_.funcs.push_back(std::move(backward_));
    results = b_.scan(module_.funcs.back(), initial, sequences, constants, parts_.length, !parts_.reverse);
  }
  size_t next = 0;
  for (const Carry& carry : carries_) {
    ValueId cotangent = results[next++];
    if (needs_[carry.position]) gradients[carry.position] = cotangent;
  }
  for (auto& [value, sum] : accumulated_) sum = results[next++];
  for (auto& [value, stack] : stacked_) stack = results[next++];
  for (size_t i = 0; i < parts_.sequences; ++i) {
    size_t position = parts_.sequence(i);
    if (needs_[position] && arg_cotangents_[position].is_valid()) {
      gradients[position] = stack_of(arg_cotangents_[position], true);
    }
  }
  for (size_t i = 0; i < parts_.constants; ++i) {
    ValueId cotangent = constant_cotangent(i);
    if (cotangent.is_valid()) gradients[parts_.constant(i)] = sum_over_time(cotangent, true);
  }
  b_.set_location(op_.location);
  return gradients;
}

void ScanGradient::restore_body() {
  body_.args.resize(forward_args_);
  body_.ops.resize(forward_ops_);
  Rewriter rewriter(body_);
  for (const Op& op : body_.ops) rewriter.copy(op);
  Func restored = rewriter.finish();
  body_ = std::move(restored);
}

Result<Gradients> scan_gradients(Module& module, Builder& builder, size_t index, const std::vector<ValueId>& cotangents,
                                 const std::vector<bool>& needs) {
  return ScanGradient(module, builder, index, cotangents, needs).run();
}

}  // namespace tarn
