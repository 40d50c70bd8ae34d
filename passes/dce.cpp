// One backward walk marks what is needed; a rebuild keeps just that.
#include "passes/dce.h"

#include <algorithm>
#include <unordered_set>

#include "ir/op_def.h"
#include "ir/scan.h"
#include "passes/rewrite.h"

namespace tarn {

// Which ops `func` needs to make the values marked in `is_read`, which is extended by what those read.
static std::vector<bool> needed_ops(const Func& func, std::vector<bool>& is_read) {
  std::vector<bool> needed(func.ops.size(), false);
  for (size_t i = func.ops.size(); i-- > 0;) {
    const Op& op = func.ops[i];
    needed[i] = std::any_of(op.results.begin(), op.results.end(), [&](ValueId value) { return is_read[value.index]; });
    if (!needed[i]) continue;
    for (ValueId operand : op.operands) is_read[operand.index] = true;
  }
  return needed;
}

static void keep_ops(Func& func, const std::vector<bool>& needed) {
  Rewriter rewriter(func);
  for (size_t i = 0; i < func.ops.size(); ++i) {
    if (needed[i]) rewriter.copy(func.ops[i]);
  }
  Func kept = rewriter.finish();
  func = std::move(kept);
}

static std::vector<bool> read_by_results(const Func& func) {
  std::vector<bool> is_read(func.values.size(), false);
  for (const FuncResult& result : func.results) is_read[result.value.index] = true;
  return is_read;
}

template <typename T>
static void keep_marked(std::vector<T>& items, const std::vector<bool>& keep) {
  size_t kept = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (keep[i]) items[kept++] = items[i];
  }
  items.resize(kept);
}

// Removes the outputs of a scan that nothing reads, the carries that only they needed, and the operands that no run
// reads.  `is_read`: of the values of the function that holds the scan.
static int64_t shrink_scan(Module& module, Op& scan, const std::vector<bool>& is_read) {
  ScanParts parts(scan);
  Func& body = *module.find(parts.body);
  std::vector<bool> keep_results, read, needed;
  for (ValueId result : scan.results) keep_results.push_back(is_read[result.index]);
  for (bool changed = true; changed;) {
    changed = false;
    read.assign(body.values.size(), false);
    for (size_t r = 0; r < body.results.size(); ++r) {
      if (keep_results[r]) read[body.results[r].value.index] = true;
    }
    needed = needed_ops(body, read);
    for (size_t c = 0; c < parts.carries; ++c) {
      if (keep_results[c] || !read[body.args[c].value.index]) continue;
      keep_results[c] = changed = true;
    }
  }
  std::vector<bool> keep_args;
  for (size_t i = 0; i < body.args.size(); ++i) {
    keep_args.push_back(i < parts.carries ? keep_results[i] : read[body.args[i].value.index]);
  }
  auto removed = std::count(keep_args.begin(), keep_args.end(), false) +
                 std::count(keep_results.begin(), keep_results.end(), false);
  if (removed == 0) return 0;
  auto first_sequence = keep_args.begin() + static_cast<std::ptrdiff_t>(parts.carries);
  auto first_constant = first_sequence + static_cast<std::ptrdiff_t>(parts.sequences);
  scan.attrs["carries"] = int64_t{std::count(keep_args.begin(), first_sequence, true)};
  scan.attrs["sequences"] = int64_t{std::count(first_sequence, first_constant, true)};
  keep_marked(scan.operands, keep_args);
  keep_marked(scan.results, keep_results);
  keep_marked(body.args, keep_args);
  keep_marked(body.results, keep_results);
  keep_ops(body, needed);
  return removed;
}

static int64_t remove_ops(Module& module, Func& func) {
  int64_t removed = 0;
  std::vector<bool> is_read = read_by_results(func), needed(func.ops.size(), false);
  for (size_t i = func.ops.size(); i-- > 0;) {
    Op& op = func.ops[i];
    needed[i] = std::any_of(op.results.begin(), op.results.end(), [&](ValueId value) { return is_read[value.index]; });
    if (!needed[i]) {
      ++removed;
      continue;
    }
    if (is_scan(op)) removed += shrink_scan(module, op, is_read);
    for (ValueId operand : op.operands) is_read[operand.index] = true;
  }
  if (removed > 0) keep_ops(func, needed);
  return removed;
}

static void reach(const Module& module, const Func& func, std::unordered_set<const Func*>& reached) {
  if (!reached.insert(&func).second) return;
  for (const Op& op : func.ops) {
    if (!std::holds_alternative<Call>(op.def->body) && !is_scan(op)) continue;
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

static Result<PassStats> run_dce(Module& module, const TargetWishes&) {
  PassStats stats;
  // What a loop no longer reads may be what a loop around it need not make, so again until nothing changes.
  for (int64_t removed = 1; removed > 0; stats.changed += removed) {
    removed = 0;
    for (Func& func : module.funcs) removed += remove_ops(module, func);
  }
  stats.changed += remove_functions(module);
  return stats;
}

const Pass pass_dce{.name = "dce", .summary = "removes what nobody needs", .run = run_dce};

}  // namespace tarn
