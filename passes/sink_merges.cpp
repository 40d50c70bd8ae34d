// Walks the ops in order and remembers of each value which smaller dimensions it was merged from.
#include "passes/sink_merges.h"

#include <map>
#include <optional>

#include "ir/op_def.h"
#include "ir/view_map.h"
#include "passes/rewrite.h"

namespace tarn {

namespace {

// A value, and the one of more dimensions that it is the reshape of.
struct Merged {
  ValueId parts;
  std::vector<size_t> counts;  // for each dimension of the value, how many of `parts` it is the product of
};

// How the dimensions of `fine` multiply to those of `coarse`; nullopt where they do not, or something is empty.
std::optional<std::vector<size_t>> merge_counts(const Shape& fine, const Shape& coarse) {
  std::vector<size_t> counts;
  size_t next = 0;
  for (int64_t extent : coarse) {
    if (extent == 0) return std::nullopt;
    size_t first = next;
    for (int64_t product = 1; product != extent || next == first; ++next) {
      if (next == fine.size() || product * fine[next] > extent || fine[next] == 0) return std::nullopt;
      product *= fine[next];
    }
    counts.push_back(next - first);
  }
  if (next != fine.size()) return std::nullopt;
  return counts;
}

class SinkMerges {
 public:
  explicit SinkMerges(const Func& func) : func_(func), defining_(defining_ops(func)), rewriter_(func) {}

  // How many ops were moved before a merge; the function is then new.
  int64_t run(Func& func) {
    int64_t moved = 0;
    for (const Op& op : func_.ops) {
      rewriter_.at(op);
      if (move(op)) {
        ++moved;
        continue;
      }
      rewriter_.copy(op);
      if (std::holds_alternative<View>(op.def->body) && !view_map(func_, op)) remember(op);
    }
    if (moved > 0) func = rewriter_.finish();
    return moved;
  }

 private:
  const Shape& shape(ValueId value) const { return func_.type(value).shape; }

  // A merge of a merge is one.
  void remember(const Op& reshape) {
    auto inner = merged_.find(reshape.operands[0]);
    ValueId parts = inner != merged_.end() ? inner->second.parts : rewriter_.mapped(reshape.operands[0]);
    std::optional<std::vector<size_t>> counts =
        merge_counts(rewriter_.builder().type(parts).shape, shape(reshape.result()));
    if (counts) merged_[reshape.result()] = {parts, *counts};
  }

  bool move(const Op& op) {
    if (std::holds_alternative<View>(op.def->body)) return move_permutation(op);
    return std::holds_alternative<Elementwise>(op.def->body) && move_elementwise(op);
  }

  // The result of a contract, perhaps through views.
  bool is_product(ValueId value) const {
    int op = defining_[value.index];
    if (op < 0) return false;
    const Op& made = func_.ops[static_cast<size_t>(op)];
    if (std::holds_alternative<View>(made.def->body)) return is_product(made.operands[0]);
    return std::holds_alternative<Contract>(made.def->body);
  }

  bool move_elementwise(const Op& op) {
    const Merged* merged = nullptr;
    for (ValueId operand : op.operands) {
      auto found = merged_.find(operand);
      if (found == merged_.end()) {
        if (is_product(operand)) return false;
        continue;
      }
      if (merged && shape_of_parts(*merged) != shape_of_parts(found->second)) return false;
      merged = &found->second;
    }
    if (!merged) return false;
    Merged result = *merged;
    std::vector<ValueId> operands;
    for (ValueId operand : op.operands) {
      auto found = merged_.find(operand);
      operands.push_back(found != merged_.end()
                             ? found->second.parts
                             : rewriter_.builder().reshape(rewriter_.mapped(operand), shape_of_parts(*merged)));
    }
    name_parts(op);
    result.parts = rewriter_.builder().op(*op.def, std::move(operands), op.attrs);
    replace(op, std::move(result));
    return true;
  }

  bool move_permutation(const Op& op) {
    auto found = merged_.find(op.operands[0]);
    std::optional<std::vector<size_t>> order = permutation_of(func_, op);
    if (found == merged_.end() || !order) return false;
    const Merged& merged = found->second;
    std::vector<size_t> first;  // of the parts, for each dimension
    for (size_t next = 0; size_t count : merged.counts) {
      first.push_back(next);
      next += count;
    }
    Merged result;
    std::vector<int64_t> perm;
    for (size_t from : *order) {
      result.counts.push_back(merged.counts[from]);
      for (size_t i = 0; i < merged.counts[from]; ++i) perm.push_back(static_cast<int64_t>(first[from] + i));
    }
    name_parts(op);
    result.parts = rewriter_.builder().transpose(merged.parts, perm);
    replace(op, std::move(result));
    return true;
  }

  void name_parts(const Op& op) { rewriter_.builder().set_next_name(func_.name_of(op.result()) + ".parts"); }

  const Shape& shape_of_parts(const Merged& merged) { return rewriter_.builder().type(merged.parts).shape; }

  void replace(const Op& op, Merged merged) {
    rewriter_.replace(op.result(), rewriter_.builder().reshape(merged.parts, shape(op.result())));
    merged_[op.result()] = std::move(merged);
  }

  const Func& func_;
  std::vector<int> defining_;
  Rewriter rewriter_;
  std::map<ValueId, Merged> merged_;  // by old values
};

Result<PassStats> run_sink_merges(Module& module, const TargetWishes&) {
  PassStats stats;
  for (Func& func : module.funcs) {
    if (func.kind != FuncKind::Kernel && !holds_gradient(func)) stats.changed += SinkMerges(func).run(func);
  }
  return stats;
}

}  // namespace

const Pass pass_sink_merges{
    .name = "sink_merges", .summary = "moves reshapes that merge dimensions behind other ops", .run = run_sink_merges};

}  // namespace tarn
