// One backward walk marks what is needed; a rebuild keeps just that.
#include "passes/dce.h"

#include <algorithm>
#include <unordered_set>

#include "ir/op_def.h"
#include "passes/rewrite.h"

namespace tarn {

static std::vector<bool> needed_ops(const Func& func) {
  std::vector<bool> is_read(func.values.size(), false), needed(func.ops.size(), false);
  for (const FuncResult& result : func.results) is_read[result.value.index] = true;
  for (size_t i = func.ops.size(); i-- > 0;) {
    const Op& op = func.ops[i];
    needed[i] = std::any_of(op.results.begin(), op.results.end(), [&](ValueId value) { return is_read[value.index]; });
    if (!needed[i]) continue;
    for (ValueId operand : op.operands) is_read[operand.index] = true;
  }
  return needed;
}

static int64_t remove_ops(Func& func) {
  std::vector<bool> needed = needed_ops(func);
  int64_t removed = std::count(needed.begin(), needed.end(), false);
  if (removed == 0) return 0;
  Rewriter rewriter(func);
  for (size_t i = 0; i < func.ops.size(); ++i) {
    if (needed[i]) rewriter.copy(func.ops[i]);
  }
  func = rewriter.finish();
  return removed;
}

static void reach(const Module& module, const Func& func, std::unordered_set<const Func*>& reached) {
  if (!reached.insert(&func).second) return;
  for (const Op& op : func.ops) {
    if (!std::holds_alternative<Call>(op.def->body)) continue;
    if (const Func* callee = module.find(attr_string(op.attrs, "callee"))) reach(module, *callee, reached);
  }
}

static int64_t remove_functions(Module& module) {
  std::unordered_set<const Func*> reached;
  for (const Func& func : module.funcs) {
    if (func.kind == FuncKind::Entry) reach(module, func, reached);
  }
  std::deque<Func> kept;
  int64_t before = static_cast<int64_t>(module.funcs.size());
  for (Func& func : module.funcs) {
    if (reached.contains(&func)) kept.push_back(std::move(func));
  }
  module.funcs = std::move(kept);
  return before - static_cast<int64_t>(module.funcs.size());
}

static Result<PassStats> run_dce(Module& module) {
  PassStats stats;
  for (Func& func : module.funcs) stats.changed += remove_ops(func);
  stats.changed += remove_functions(module);
  return stats;
}

const Pass pass_dce{.name = "dce", .summary = "removes what nobody needs", .run = run_dce};

}  // namespace tarn
