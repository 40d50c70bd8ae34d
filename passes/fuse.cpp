// Turns the groups of fusion_groups.h into kernel functions and calls of them.
#include "passes/fuse.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "ir/base/check.h"
#include "ir/builder.h"
#include "ir/op_def.h"
#include "ir/scan.h"
#include "passes/fusion_groups.h"
#include "passes/rewrite.h"

namespace tarn {

namespace {

// Builds the kernel function of one group.
class KernelBuilder {
 public:
  KernelBuilder(const Func& from, const FusionPlan& plan, const std::vector<int>& defining, const FusionGroup& group)
      : from_(from),
        plan_(plan),
        defining_(defining),
        in_group_(group.ops.begin(), group.ops.end()),
        group_(group),
        builder_(kernel_) {}

  // Values of `from` that the kernel reads and makes, in order of its arguments and results.
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;

  Func run(std::string name) {
    kernel_.name = std::move(name);
    kernel_.kind = FuncKind::Kernel;
    for (int op : group_.ops) visit_operands(from_.ops[static_cast<size_t>(op)]);
    for (ValueId input : inputs) mapped_[input] = builder_.argument(from_.type(input), from_.name_of(input));
    for (int op : needed_) copy(from_.ops[static_cast<size_t>(op)]);
    for (int op : group_.ops) {
      ValueId result = from_.ops[static_cast<size_t>(op)].result();
      if (!plan_.is_stored[result.index]) continue;
      outputs.push_back(result);
      builder_.result(mapped_.at(result), from_.name_of(result));
    }
    return std::move(kernel_);
  }

 private:
  // Collects the group's ops, the free ops they read through, and the values that come from outside.
  void visit_operands(const Op& op) {
    for (ValueId operand : op.operands) visit(operand);
    needed_.insert(static_cast<int>(&op - from_.ops.data()));
  }

  void visit(ValueId value) {
    int op = defining_[value.index];
    if (op >= 0 && in_group_.contains(op)) return;
    if (op >= 0 && plan_.roles[static_cast<size_t>(op)] == FusionRole::Free) {
      if (!needed_.contains(op)) visit_operands(from_.ops[static_cast<size_t>(op)]);
      return;
    }
    if (std::find(inputs.begin(), inputs.end(), value) == inputs.end()) inputs.push_back(value);
  }

  void copy(const Op& op) {
    std::vector<ValueId> operands;
    for (ValueId operand : op.operands) operands.push_back(mapped_.at(operand));
    const Op& made = builder_.copy(from_, op, std::move(operands));
    mapped_[op.result()] = made.result();
  }

  const Func& from_;
  const FusionPlan& plan_;
  const std::vector<int>& defining_;
  std::set<int> in_group_;
  const FusionGroup& group_;
  Func kernel_;
  Builder builder_;
  std::set<int> needed_;  // ops to copy, in order
  std::map<ValueId, ValueId> mapped_;
};

// The op that a reader would name the kernel's place by: its contract, else its last op that has a place.
const Op& anchor_op(const Func& func, const FusionGroup& group) {
  const Op* anchor = &func.ops[static_cast<size_t>(group.ops.back())];
  for (int index : group.ops) {
    const Op& op = func.ops[static_cast<size_t>(index)];
    if (std::holds_alternative<Contract>(op.def->body)) return op;
    if (op.location.is_known()) anchor = &op;
  }
  return *anchor;
}

std::string kernel_name(const Module& module, const Func& func, const std::string& made) {
  std::string base = fmt::format("{}.{}", func.name, made);
  std::string name = base;
  for (int n = 1; module.find(name); ++n) name = fmt::format("{}.{}", base, n);
  return name;
}

// "mul.7": made up by the compiler for the result of a `mul`.
bool is_made_up(const std::string& name, std::string_view op) {
  if (!name.starts_with(op)) return false;
  std::string_view rest = std::string_view(name).substr(op.size());
  return rest.empty() || (rest.front() == '.' && rest.find_first_not_of("0123456789", 1) == std::string_view::npos);
}

// What a kernel is called after: the parameter it updates, else another result of the function, else the first value
// that the model names, of those it stores or else of all.
std::string name_of_group(const Func& func, const std::multimap<ValueId, const FuncResult*>& results,
                          const FusionPlan& plan, const FusionGroup& group) {
  std::string name;
  int best = 0;
  auto consider = [&](int rank, const std::string& candidate) {
    if (rank <= best) return;
    best = rank;
    name = candidate;
  };
  bool is_read = false;
  for (int index : group.ops) {
    const Op& op = func.ops[static_cast<size_t>(index)];
    bool is_stored = plan.is_stored[op.result().index];
    is_read = is_read || is_stored;
    const std::string& own = func.name_of(op.result());
    consider(is_made_up(own, op.def->name) ? (is_stored ? 1 : 0) : (is_stored ? 3 : 2), own);
    auto [begin, end] = results.equal_range(op.result());
    for (auto result = begin; result != end; ++result) {
      consider(result->second->role == Role::Param ? 5 : 4, result->second->name);
    }
  }
  return is_read ? name : "";
}

int64_t fuse_function(Module& module, Func& func, size_t carries, const TargetWishes& wishes) {
  bool is_fused = std::any_of(func.ops.begin(), func.ops.end(),
                              [](const Op& op) { return std::holds_alternative<Call>(op.def->body); });
  if (is_fused) return 0;
  FusionPlan plan = plan_fusion(func, carries, wishes);
  std::vector<int> defining = defining_ops(func);
  Func fused;
  fused.name = func.name;
  fused.kind = func.kind;
  Builder builder(fused);
  std::map<ValueId, ValueId> mapped;
  for (const Argument& arg : func.args) {
    mapped[arg.value] = builder.argument(func.type(arg.value), func.name_of(arg.value), arg.role, arg.initial);
  }
  std::multimap<ValueId, const FuncResult*> results;
  for (const FuncResult& result : func.results) results.emplace(result.value, &result);
  int64_t kernels = 0;
  for (const FusionGroup& group : plan.groups) {
    const Op& anchor = anchor_op(func, group);
    std::vector<ValueId> operands;
    if (group.kind == GroupKind::Alias || group.kind == GroupKind::Scan) {
      for (ValueId operand : anchor.operands) operands.push_back(mapped.at(operand));
      const Op& made = builder.copy(func, anchor, std::move(operands));
      for (size_t r = 0; r < made.results.size(); ++r) mapped[anchor.results[r]] = made.results[r];
      continue;
    }
    std::string name = name_of_group(func, results, plan, group);
    if (name.empty()) continue;  // nothing of it is read: an argument of a dead result
    KernelBuilder kernel_builder(func, plan, defining, group);
    module.funcs.push_back(kernel_builder.run(kernel_name(module, func, name)));
    const Func& kernel = module.funcs.back();
    for (ValueId input : kernel_builder.inputs) operands.push_back(mapped.at(input));
    builder.set_location(anchor.location);
    std::vector<ValueId> results = builder.call(kernel, std::move(operands));
    for (size_t r = 0; r < results.size(); ++r) mapped[kernel_builder.outputs[r]] = results[r];
    ++kernels;
  }
  for (const FuncResult& result : func.results) builder.result(mapped.at(result.value), result.name, result.role);
  func = std::move(fused);
  return kernels;
}

Result<PassStats> run_fuse(Module& module, const TargetWishes& wishes) {
  PassStats stats;
  std::map<std::string, size_t> carries = carries_of_bodies(module);
  size_t count = module.funcs.size();  // kernels are added behind
  for (size_t f = 0; f < count; ++f) {
    Func& func = module.funcs[f];
    if (holds_gradient(func)) {
      return Error{
          fmt::format("@{} holds `grad`, which no kernel computes; run pass `autodiff` before `fuse`", func.name),
          "pass.order"};
    }
    if (func.kind != FuncKind::Kernel) stats.changed += fuse_function(module, func, carries[func.name], wishes);
  }
  return stats;
}

}  // namespace

const Pass pass_fuse{.name = "fuse", .summary = "groups ops into kernels", .run = run_fuse};

}  // namespace tarn
