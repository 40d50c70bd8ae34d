// One forward walk with a table from expressions to their first op.
#include "passes/cse.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "ir/op_def.h"
#include "passes/rewrite.h"

namespace tarn {

// Text that two ops share just where they compute the same.  Attributes are compared as text, for that tells -0.0 from
// 0.0 and takes nan for equal to itself.
static std::string expression_key(const Op& op, std::vector<ValueId> operands) {
  if (op.def->commutes) std::sort(operands.begin(), operands.end());
  std::string key(op.def->name);
  for (ValueId operand : operands) key += fmt::format(" {}", operand.index);
  for (const auto& [name, value] : op.attrs) key += fmt::format(" {}={}", name, attr_text(value));
  return key;
}

// The key holds no result type: operands and attributes settle it for every op.
static int64_t merge_equal_ops(Func& func) {
  if (holds_gradient(func)) return 0;
  int64_t merged = 0;
  Rewriter rewriter(func);
  std::unordered_map<std::string, const Op*> first_with_key;
  for (const Op& op : func.ops) {
    auto [entry, is_new] = first_with_key.try_emplace(expression_key(op, rewriter.mapped(op.operands)), &op);
    rewriter.at(op);
    if (is_new) {
      rewriter.copy(op);
      continue;
    }
    for (size_t i = 0; i < op.results.size(); ++i) {
      rewriter.replace(op.results[i], rewriter.mapped(entry->second->results[i]));
    }
    ++merged;
  }
  if (merged > 0) func = rewriter.finish();
  return merged;
}

static Result<PassStats> run_cse(Module& module, const TargetWishes&) {
  PassStats stats;
  for (Func& func : module.funcs) stats.changed += merge_equal_ops(func);
  return stats;
}

const Pass pass_cse{.name = "cse", .summary = "computes each distinct expression once", .run = run_cse};

}  // namespace tarn
