// One `grad` at a time, by a reverse walk.
#include "passes/autodiff.h"

#include <set>

#include "ir/op_def.h"
#include "ir/scan.h"
#include "passes/reverse_walk.h"
#include "passes/rewrite.h"

namespace tarn {
namespace {

// The gradients of the loss (operand 0) with respect to the other operands.
Result<std::vector<ValueId>> expand(Module& module, Builder& builder, const std::vector<ValueId>& operands) {
  std::vector<ValueId> targets(operands.begin() + 1, operands.end()), gradients;
  ReverseWalk walk(module, builder, {{operands[0], {}}}, targets);
  if (std::optional<Error> error = walk.run()) return *error;
  for (ValueId target : targets) {
    std::optional<ValueId> gradient = walk.gradient_of(target);
    if (!gradient) {
      gradient = builder.constant(0.0, Type(builder.type(target)));
      builder.func().rename(*gradient, "d." + builder.func().name_of(target));
    }
    gradients.push_back(*gradient);
  }
  return gradients;
}

Result<int64_t> expand_gradients(Module& module, Func& func) {
  int64_t expanded = 0;
  Rewriter rewriter(func);
  for (const Op& op : func.ops) {
    rewriter.at(op);
    if (!std::holds_alternative<Gradient>(op.def->body)) {
      rewriter.copy(op);
      continue;
    }
    std::vector<ValueId> operands = rewriter.mapped(op.operands);
    Result<std::vector<ValueId>> gradients = expand(module, rewriter.builder(), operands);
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

// Bodies before the functions that run them: an outer gradient differentiates what an inner one became.
std::optional<Error> expand_inner_first(Module& module, Func& func, std::set<std::string>& done, PassStats& stats) {
  if (!done.insert(func.name).second) return std::nullopt;
  for (const Op& op : func.ops) {
    if (!is_scan(op)) continue;
    if (auto error = expand_inner_first(module, *module.find(ScanParts(op).body), done, stats)) return error;
  }
  Result<int64_t> expanded = expand_gradients(module, func);
  if (!expanded) return expanded.error();
  stats.changed += *expanded;
  return std::nullopt;
}

Result<PassStats> run_autodiff(Module& module, const TargetWishes&) {
  PassStats stats;
  std::set<std::string> done;
  size_t count = module.funcs.size();  // bodies of gradients are added behind
  for (size_t f = 0; f < count; ++f) {
    if (auto error = expand_inner_first(module, module.funcs[f], done, stats)) return *error;
  }
  return stats;
}

}  // namespace

const Pass pass_autodiff{.name = "autodiff", .summary = "expands gradients into ops", .run = run_autodiff};

}  // namespace tarn
