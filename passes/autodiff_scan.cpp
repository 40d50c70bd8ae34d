// Differentiates the body, then parts it into a forward and a backward one.
#include "passes/autodiff_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "ir/base/check.h"
#include "ir/contract_spec.h"
#include "ir/scan.h"
#include "passes/reverse_walk.h"
#include "passes/rewrite.h"

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

namespace {

class ScanGradient {
 public:
  ScanGradient(Module& module, Builder& builder, size_t index, const std::vector<ValueId>& cotangents,
               const std::vector<bool>& needs)
      : module_(module),
        b_(builder),
        index_(index),
        op_(builder.func().ops[index]),
        parts_(op_),
        body_(*module.find(parts_.body)),
        cotangents_(cotangents),
        needs_(needs) {}

  Result<Gradients> run() {
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

 private:
  // --- step 1: the body's own reverse walk, appended to the body ---

  std::optional<Error> differentiate() {
    ScanDependents dependents = scan_dependents(module_, op_, needs_);
    Builder inner(body_);
    forward_args_ = body_.args.size();
    std::vector<ReverseWalk::Seed> seeds;
    std::vector<ValueId> targets;
    for (size_t c = 0; c < parts_.carries; ++c) {
      if (!dependents.body_args[c]) continue;
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

  ValueId constant_cotangent(size_t i) const {
    return needs_[parts_.constant(i)] ? arg_cotangents_[parts_.constant(i)] : ValueId{};
  }

  // --- step 2: what is the same in each run, and what of the forward body is computed again ---

  void find_invariants() {
    invariant_.assign(body_.values.size(), false);
    for (size_t i = 0; i < parts_.constants; ++i) invariant_[body_.args[parts_.constant(i)].value.index] = true;
    for (const Op& op : body_.ops) {
      bool all = !is_scan(op) && std::all_of(op.operands.begin(), op.operands.end(),
                                             [&](ValueId operand) { return invariant_[operand.index]; });
      for (ValueId result : op.results) invariant_[result.index] = all;
    }
  }

  bool is_forward(ValueId value) const {
    int op = defining_[value.index];
    return op >= 0 && static_cast<size_t>(op) < forward_ops_;
  }

  const Op& op_of(ValueId value) const { return body_.ops[static_cast<size_t>(defining_[value.index])]; }

  bool is_computed_again(ValueId value) const {
    const Op& op = op_of(value);
    if (invariant_[value.index] || std::holds_alternative<View>(op.def->body)) return true;
    return std::holds_alternative<Elementwise>(op.def->body) && body_.type(value).dtype == DType::Bool;
  }

  bool is_carry_arg(ValueId value) const {
    for (size_t c = 0; c < parts_.carries; ++c) {
      if (body_.args[c].value == value) return true;
    }
    return false;
  }

  // The value's stack in the outer function: an operand, or one more result of the forward scan.
  ValueId residual(ValueId value) {
    if (auto found = outside_.find(value); found != outside_.end()) return found->second;
    Func& outer = b_.func();
    Op& forward = outer.ops[index_];
    for (size_t r = parts_.carries; r < body_.results.size(); ++r) {
      if (body_.results[r].value == value) return outside_[value] = forward.results[r];
    }
    std::string name = body_.name_of(value);
    auto is_taken = [&](const FuncResult& result) { return result.name == name; };
    while (std::any_of(body_.results.begin(), body_.results.end(), is_taken)) name += ".saved";
    body_.results.push_back({value, name});
    ValueId stack = outer.add_value(stacked_type(body_.type(value), parts_.length), name);
    outer.ops[index_].results.push_back(stack);
    return outside_[value] = stack;
  }

  // --- step 3: sums over time ---

  // The stack of a value of the differentiated body in the outer function; before the backward scan is emitted, asks
  // for it.
  ValueId stack_of(ValueId value, bool is_emitted) {
    bool is_given = outside_.contains(value) && !invariant_[value.index];
    if (is_given || is_forward(value) || is_carry_arg(value)) return residual(value);
    if (!is_emitted) stacked_.try_emplace(value);
    return is_emitted ? stacked_.at(value) : ValueId{};
  }

  bool is_stacked(ValueId value) const {
    return stacked_.contains(value) || (outside_.contains(value) && !invariant_[value.index]);
  }

  // A product of two things that both change over time: its spec with a label for time.
  std::optional<std::string> product_over_time(const Op& op) const {
    if (!std::holds_alternative<Contract>(op.def->body)) return std::nullopt;
    if (invariant_[op.operands[0].index] || invariant_[op.operands[1].index]) return std::nullopt;
    ContractSpec spec = *parse_contract_spec(attr_string(op.attrs, "spec"));
    for (char label = 'a'; label <= 'z'; ++label) {
      bool is_used = (spec.lhs + spec.rhs).find(label) != std::string::npos;
      if (!is_used) return fmt::format("{1}{0},{1}{2}->{3}", spec.lhs, label, spec.rhs, spec.result);
    }
    return std::nullopt;
  }

  // Asks for the stacks that products need, so that sums of the same values are taken after the loop as well.
  void collect_products(ValueId value) {
    if (!value.is_valid() || defining_[value.index] < 0 || is_forward(value)) return;
    const Op& op = op_of(value);
    bool is_linear = op.def->name == "add" || std::holds_alternative<View>(op.def->body);
    if (product_over_time(op)) {
      for (ValueId operand : op.operands) stack_of(operand, false);
    } else if (is_linear) {
      for (ValueId operand : op.operands) collect_products(operand);
    }
  }

  // The sum of the value over all runs, as a value of the outer function: linear ops (sums, views, products with a
  // constant) change places with the sum.  Not `is_emitted`: asks for what that will need of the backward scan.
  ValueId sum_over_time(ValueId value, bool is_emitted) {
    if (defining_[value.index] < 0 || is_forward(value)) return accumulated(value, is_emitted);
    const Op op = op_of(value);
    if (std::optional<std::string> spec = product_over_time(op)) {
      ValueId lhs = stack_of(op.operands[0], is_emitted), rhs = stack_of(op.operands[1], is_emitted);
      return is_emitted ? outer_op(op, value, {lhs, rhs}, {{"spec", *spec}}) : ValueId{};
    }
    const Reduce* reduce = std::get_if<Reduce>(&op.def->body);
    if (reduce && reduce->kind == ReduceKind::Sum && is_stacked(op.operands[0])) {
      std::vector<int64_t> axes = {0};
      for (int64_t axis : attr_ints(op.attrs, "axes")) axes.push_back(axis + 1);
      ValueId stack = stack_of(op.operands[0], is_emitted);
      return is_emitted ? outer_op(op, value, {stack}, {{"axes", axes}}) : ValueId{};
    }
    bool moves = op.def->name == "add" || std::holds_alternative<View>(op.def->body);
    if (!moves || !holds_sum(value)) return accumulated(value, is_emitted);
    std::vector<ValueId> operands;
    for (ValueId operand : op.operands) operands.push_back(sum_over_time(operand, is_emitted));
    return is_emitted ? outer_op(op, value, std::move(operands), op.attrs) : ValueId{};
  }

  // Whether some part of the value is summed after the loop; else the whole is accumulated within.
  bool holds_sum(ValueId value) const {
    if (defining_[value.index] < 0 || is_forward(value)) return false;
    const Op& op = op_of(value);
    if (product_over_time(op)) return true;
    if (const Reduce* reduce = std::get_if<Reduce>(&op.def->body)) {
      return reduce->kind == ReduceKind::Sum && is_stacked(op.operands[0]);
    }
    bool moves = op.def->name == "add" || std::holds_alternative<View>(op.def->body);
    return moves && std::any_of(op.operands.begin(), op.operands.end(), [&](ValueId v) { return holds_sum(v); });
  }

  ValueId outer_op(const Op& like, ValueId value, std::vector<ValueId> operands, Attrs attrs) {
    b_.set_location(like.location);
    b_.set_next_name(body_.name_of(value));
    return b_.op(like.def->name, std::move(operands), std::move(attrs));
  }

  ValueId accumulated(ValueId value, bool is_emitted) {
    if (!is_emitted) accumulated_.try_emplace(value);
    return is_emitted ? accumulated_.at(value) : ValueId{};
  }

  // --- step 4: the backward body ---

  void build_backward() {
    for (const Carry& carry : carries_) demand(carry.next);
    for (const auto& [value, sum] : accumulated_) demand(value);
    for (size_t i = 0; i < parts_.sequences; ++i) {
      size_t position = parts_.sequence(i);
      if (needs_[position] && arg_cotangents_[position].is_valid()) stack_of(arg_cotangents_[position], false);
    }
    for (const auto& [value, stack] : stacked_) demand(value);
    for (size_t i = body_.ops.size(); i-- > 0;) {
      if (!needed_ops_.contains(i)) continue;
      for (ValueId operand : body_.ops[i].operands) demand(operand);
    }
    backward_.name = unique_name();
    backward_.kind = FuncKind::Body;
    Builder builder(backward_);
    make_arguments(builder);
    for (size_t i : needed_ops_) {
      const Op& op = body_.ops[i];
      const Op& made = builder.copy(body_, op, mapped(op.operands));
      for (size_t r = 0; r < op.results.size(); ++r) mapped_[op.results[r]] = made.results[r];
    }
    make_results(builder);
  }

  // Marks the op that makes the value, or the argument it becomes.
  void demand(ValueId value) {
    int op = defining_[value.index];
    if (op >= 0 && (!is_forward(value) || is_computed_again(value))) {
      needed_ops_.insert(static_cast<size_t>(op));
    } else if (std::none_of(carries_.begin(), carries_.end(), [&](const Carry& c) { return c.value == value; })) {
      ValueId stack = residual(value);
      (invariant_[value.index] ? constants_ : sequences_).try_emplace(value, stack);
    }
  }

  void make_arguments(Builder& builder) {
    for (const Carry& carry : carries_) {
      mapped_[carry.value] = builder.argument(body_.type(carry.value), body_.name_of(carry.value));
    }
    for (const auto& [value, sum] : accumulated_) {
      sums_.push_back(builder.argument(body_.type(value), body_.name_of(value) + ".sum"));
    }
    for (const auto* list : {&sequences_, &constants_}) {
      for (const auto& [value, outside] : *list) {
        mapped_[value] = builder.argument(body_.type(value), body_.name_of(value));
      }
    }
  }

  void make_results(Builder& builder) {
    std::set<std::string> taken;
    auto result = [&](ValueId value) {
      std::string name = backward_.name_of(value);
      while (!taken.insert(name).second) name += ".2";
      builder.result(value, name);
    };
    for (const Carry& carry : carries_) result(mapped_.at(carry.next));
    size_t next = 0;
    for (const auto& [value, sum] : accumulated_) {
      builder.set_next_name(backward_.name_of(sums_[next]) + ".next");
      result(builder.add(sums_[next++], mapped_.at(value)));
    }
    for (const auto& [value, stack] : stacked_) result(mapped_.at(value));
  }

  std::vector<ValueId> mapped(const std::vector<ValueId>& values) const {
    std::vector<ValueId> made;
    for (ValueId value : values) made.push_back(mapped_.at(value));
    return made;
  }

  std::string unique_name() const {
    std::string base = body_.name + ".grad", name = base;
    for (int n = 1; module_.find(name); ++n) name = fmt::format("{}.{}", base, n);
    return name;
  }

  // --- step 5: the backward scan, and what is left to do after it ---

  Gradients emit() {
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

  // The forward body again, with the residuals as further results.
  void restore_body() {
    body_.args.resize(forward_args_);
    body_.ops.resize(forward_ops_);
    Rewriter rewriter(body_);
    for (const Op& op : body_.ops) rewriter.copy(op);
    Func restored = rewriter.finish();
    body_ = std::move(restored);
  }

  struct Carry {
    size_t position;  // among the forward scan's carries
    ValueId value;    // the argument: the cotangent of the next carry
    ValueId next;     // the cotangent of the carry
  };

  Module& module_;
  Builder& b_;
  size_t index_;
  Op op_;
  ScanParts parts_;
  Func& body_;
  const std::vector<ValueId>& cotangents_;
  const std::vector<bool>& needs_;

  // Values here are of the differentiated body, unless they are called outside, stack or sum.
  size_t forward_ops_ = 0;
  size_t forward_args_ = 0;
  std::vector<Carry> carries_;
  std::vector<ValueId> arg_cotangents_;  // of the body's arguments, where there is one
  std::vector<int> defining_;
  std::vector<bool> invariant_;         // the same in each run
  std::map<ValueId, ValueId> outside_;  // sequences and constants by what stands for them in the body
  std::map<ValueId, ValueId> stacked_;  // outputs of the backward scan
  std::map<ValueId, ValueId> accumulated_;
  std::set<size_t> needed_ops_;
  std::map<ValueId, ValueId> sequences_, constants_;  // that the backward body reads
  Func backward_;
  std::vector<ValueId> sums_;          // arguments of the backward body that accumulate
  std::map<ValueId, ValueId> mapped_;  // to the backward body
};

}  // namespace

Result<Gradients> scan_gradients(Module& module, Builder& builder, size_t index, const std::vector<ValueId>& cotangents,
                                 const std::vector<bool>& needs) {
  return ScanGradient(module, builder, index, cotangents, needs).run();
}

}  // namespace tarn
