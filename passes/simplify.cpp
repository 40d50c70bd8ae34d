// Sweeps over a function with the rules, until a sweep changes nothing.
#include "passes/simplify.h"

#include "ir/base/check.h"
#include "ir/interpret.h"
#include "passes/rewrite.h"
#include "passes/simplify_match.h"

namespace tarn {

const Op* Definitions::of(ValueId value) {
  op_of_value_.resize(func_.values.size(), -1);
  for (; seen_ops_ < func_.ops.size(); ++seen_ops_) {
    for (ValueId result : func_.ops[seen_ops_].results) op_of_value_[result.index] = static_cast<int>(seen_ops_);
  }
  int op = op_of_value_[value.index];
  return op < 0 ? nullptr : &func_.ops[op];
}

std::optional<Op> Match::operand(size_t i, std::string_view name) const {
  const Op* found = definitions.of(x[i]);
  if (!found || found->def->name != name) return std::nullopt;
  return *found;
}

std::optional<double> Match::constant(ValueId value) const {
  const Op* found = definitions.of(value);
  if (!found || found->def->name != "constant") return std::nullopt;
  // Of a 16-bit float the number that it holds.
  return to_dtype(attr_float(found->attrs, "value"), b.type(value).dtype);
}

static int64_t sweep(Func& func) {
  int64_t changed = 0;
  Rewriter rewriter(func);
  Definitions definitions(rewriter.func());
  for (const Op& op : func.ops) {
    rewriter.at(op);
    std::optional<ValueId> better;
    if (op.results.size() == 1) {
      Match match{op, rewriter.mapped(op.operands), func.type(op.result()), rewriter.builder(), definitions};
      for (Rule rule : {simplify_arithmetic, simplify_shape}) {
        if (!better) better = rule(match);
      }
    }
    if (!better) {
      rewriter.copy(op);
      continue;
    }
    TARN_CHECK(rewriter.func().type(*better) == func.type(op.result()), "a rule made {} of `{}`, which is {}",
               rewriter.func().type(*better).text(), op.def->name, func.type(op.result()).text());
    rewriter.replace(op.result(), *better);
    ++changed;
  }
  if (changed > 0) func = rewriter.finish();
  return changed;
}

static Result<PassStats> run_simplify(Module& module, const TargetWishes&) {
  // Each sweep but the last shortens some chain of ops, and no chain is longer than the function.
  PassStats stats;
  for (Func& func : module.funcs) {
    if (holds_gradient(func)) continue;
    size_t limit = 10 + 10 * func.ops.size();
    for (int64_t changed = 1; changed > 0; --limit) {
      TARN_CHECK(limit > 0, "simplify does not come to an end on @{}", func.name);
      changed = sweep(func);
      stats.changed += changed;
    }
  }
  return stats;
}

const Pass pass_simplify{.name = "simplify", .summary = "replaces expressions by cheaper ones", .run = run_simplify};

}  // namespace tarn
