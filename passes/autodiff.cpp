// The reverse walk, one `grad` at a time.
#include "passes/autodiff.h"

#include <fmt/format.h>

#include "ir/base/check.h"
#include "ir/op_def.h"
#include "passes/rewrite.h"

namespace tarn {
namespace {

class GradExpansion {
 public:
  GradExpansion(Builder& builder, ValueId loss, std::vector<ValueId> targets)
      : b_(builder), func_(builder.func()), loss_(loss), targets_(std::move(targets)) {}

  // The gradients of the targets, or the first op on the path that has none.
  Result<std::vector<ValueId>> run() {
    Location location = b_.location();
    find_dependents();
    cotangents_.resize(func_.values.size());
    size_t forward_ops = func_.ops.size();  // what is emitted from here on comes after them
    if (depends_[loss_.index]) {
      add_cotangent(loss_, b_.constant(1.0, Type(func_.type(loss_))));
      for (size_t i = forward_ops; i-- > 0;) {
        if (std::optional<Error> error = step_back(i)) return *error;
      }
    }
    b_.set_location(location);
    std::vector<ValueId> gradients;
    for (ValueId target : targets_) gradients.push_back(gradient_of(target));
    return gradients;
  }

 private:
  // depends_[v]: v is a target or a float computed from one.
  void find_dependents() {
    depends_.assign(func_.values.size(), false);
    for (ValueId target : targets_) depends_[target.index] = true;
    for (const Op& op : func_.ops) {
      bool any = false;
      for (ValueId operand : op.operands) any = any || depends_[operand.index];
      for (ValueId result : op.results) {
        if (any && is_float(func_.type(result).dtype)) depends_[result.index] = true;
      }
    }
  }

  void add_cotangent(ValueId value, ValueId contribution) {
    ValueId& sum = cotangents_[value.index];
    sum = sum.is_valid() ? b_.add(sum, contribution) : contribution;
  }

  // Names the complete gradient `d.<primal>`, unless it has such a name already: sums pass theirs on unchanged.
  void name_gradient(ValueId primal, ValueId gradient) {
    bool is_new = gradient.index >= named_.size() || !named_[gradient.index];
    if (gradient.index < depends_.size() || !is_new) return;
    named_.resize(func_.values.size(), false);
    named_[gradient.index] = true;
    func_.rename(gradient, "d." + func_.name_of(primal));
  }

  // Passes the cotangent of op `index`'s result on to its operands.
  std::optional<Error> step_back(size_t index) {
    Op op = func_.ops[index];  // a copy: emitting moves the originals
    bool reached = false;
    for (ValueId result : op.results) reached = reached || cotangents_[result.index].is_valid();
    if (!reached) return std::nullopt;  // with several results the rule is missing: calls are an error below
    std::vector<bool> needs;
    bool any = false;
    for (ValueId operand : op.operands) {
      needs.push_back(depends_[operand.index]);
      any = any || needs.back();
    }
    if (!any) return std::nullopt;
    name_gradient(op.result(), cotangents_[op.result().index]);
    if (!op.def->vjp) {
      return Error{fmt::format("`{}` (op `{}`) lies on the path of a gradient, but has no gradient rule",
                               func_.name_of(op.result()), op.def->name),
                   "autodiff.rule", -1, op.location};
    }
    b_.set_location(op.location);
    VjpArgs args{b_, op, op.operands, op.result(), cotangents_[op.result().index], needs};
    Gradients gradients = op.def->vjp(args);
    TARN_CHECK(gradients.size() == op.operands.size(), "vjp of `{}` gives {} gradients", op.def->name,
               gradients.size());
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (!needs[i] || !gradients[i]) continue;
      TARN_CHECK(func_.type(*gradients[i]) == func_.type(op.operands[i]), "vjp of `{}` gives {} for an operand of {}",
                 op.def->name, func_.type(*gradients[i]).text(), func_.type(op.operands[i]).text());
      add_cotangent(op.operands[i], *gradients[i]);
    }
    return std::nullopt;
  }

  ValueId gradient_of(ValueId target) {
    ValueId gradient = cotangents_[target.index];
    if (!gradient.is_valid()) gradient = b_.constant(0.0, Type(func_.type(target)));
    name_gradient(target, gradient);
    return gradient;
  }

  Builder& b_;
  Func& func_;
  ValueId loss_;
  std::vector<ValueId> targets_;
  std::vector<bool> depends_;        // of the values that were there before
  std::vector<ValueId> cotangents_;  // of the values that were there before; invalid: none yet
  std::vector<bool> named_;          // values that carry a gradient's name
};

Result<int64_t> expand_gradients(Func& func) {
  int64_t expanded = 0;
  Rewriter rewriter(func);
  for (const Op& op : func.ops) {
    rewriter.at(op);
    if (!std::holds_alternative<Gradient>(op.def->body)) {
      rewriter.copy(op);
      continue;
    }
    std::vector<ValueId> operands = rewriter.mapped(op.operands);
    std::vector<ValueId> targets(operands.begin() + 1, operands.end());
    Result<std::vector<ValueId>> gradients = GradExpansion(rewriter.builder(), operands[0], std::move(targets)).run();
    if (!gradients) return gradients.error();
    rewriter.keep_new_names();
    for (size_t i = 0; i < op.results.size(); ++i) {
      rewriter.replace(op.results[i], (*gradients)[i]);
      // Where the grad's result has the very name that the gradient should have, that name is free now.
      std::string wanted = "d." + func.name_of(op.operands[i + 1]);
      bool is_suffixed = rewriter.func().name_of((*gradients)[i]).starts_with(wanted + ".");
      if (is_suffixed && func.name_of(op.results[i]) == wanted) rewriter.func().claim_name((*gradients)[i], wanted);
    }
    ++expanded;
  }
  if (expanded > 0) func = rewriter.finish();
  return expanded;
}

Result<PassStats> run_autodiff(Module& module) {
  PassStats stats;
  for (Func& func : module.funcs) {
    Result<int64_t> expanded = expand_gradients(func);
    if (!expanded) return expanded.error();
    stats.changed += *expanded;
  }
  return stats;
}

}  // namespace

const Pass pass_autodiff{.name = "autodiff", .summary = "expands gradients into ops", .run = run_autodiff};

}  // namespace tarn
