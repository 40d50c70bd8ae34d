// Transposes operands of contracts where the kernel would read them across rows; see layout.h.
#include "passes/layout.h"

#include <map>
#include <numeric>
#include <set>

#include "ir/builder.h"
#include "ir/contract_spec.h"
#include "ir/op_def.h"
#include "ir/scan.h"
#include "ir/view_map.h"
#include "passes/affine_view.h"

namespace tarn {

namespace {

class LayoutRewriter {
 public:
  // `carries`: of the loop whose body `from` is; 0 for entry functions.
  LayoutRewriter(const Func& from, size_t carries, const TargetWishes& wishes)
      : from_(from),
        carries_(carries),
        wishes_(wishes),
        defining_(defining_ops(from)),
        uses_(use_counts(from)),
        builder_(to_) {
    to_.name = from.name;
    to_.kind = from.kind;
  }

  Func run(int64_t& changed) {
    for (const Argument& arg : from_.args) {
      mapped_[arg.value] = builder_.argument(from_.type(arg.value), from_.name_of(arg.value), arg.role, arg.initial);
    }
    if (wishes_.stores_padded_operands) find_padded_operands();
    for (const Op& op : from_.ops) rewrite(op);
    for (size_t r = 0; r < from_.results.size(); ++r) {
      const FuncResult& result = from_.results[r];
      ValueId value = from_.kind == FuncKind::Body ? own_result(r) : stored_result(result);
      builder_.result(value, result.name, result.role);
    }
    changed += changed_;
    return std::move(to_);
  }

 private:
  void rewrite(const Op& op) {
    std::vector<ValueId> operands;
    for (ValueId operand : op.operands) operands.push_back(mapped_.at(operand));
    builder_.set_location(op.location);
    Attrs attrs = op.attrs;
    if (std::holds_alternative<Contract>(op.def->body)) {
      ContractSpec spec = *parse_contract_spec(attr_string(attrs, "spec"));
      if (wishes_.transposes_for_lanes) move_last(spec, operands);
      attrs["spec"] = spec.text();
    }
    if (std::holds_alternative<View>(op.def->body)) operands[0] = stored_operand(op, operands[0]);
    if (is_scan(op)) own_carries(op, operands);
    Op changed{op.def, {}, op.results, std::move(attrs), op.location};
    const Op& made = builder_.copy(from_, changed, std::move(operands));
    for (size_t r = 0; r < op.results.size(); ++r) mapped_[op.results[r]] = made.results[r];
    if (padded_.contains(op.result())) mapped_[op.result()] = stored(mapped_[op.result()]);
  }

  // Views that can leave their range, on the way to an operand of a contract.
  void find_padded_operands() {
    std::vector<int> defining = defining_ops(from_);
    for (const Op& contract : from_.ops) {
      if (!std::holds_alternative<Contract>(contract.def->body)) continue;
      for (ValueId value : contract.operands) {
        for (int i = defining[value.index]; i >= 0; i = defining[value.index]) {
          const Op& op = from_.ops[static_cast<size_t>(i)];
          if (!std::holds_alternative<View>(op.def->body)) break;
          if (can_leave_range(op)) padded_.insert(value);
          value = op.operands[0];
        }
      }
    }
  }

  bool can_leave_range(const Op& op) const {
    std::optional<std::vector<AffineIndex>> map = view_map(from_, op);
    return map && leaves_range(*map, from_.type(op.result()).shape, from_.type(op.operands[0]).shape);
  }

  ValueId stored(ValueId value) {
    ++changed_;
    builder_.set_next_name(to_.name_of(value));
    return builder_.stored(value);
  }

  // A result that is an argument of another name (two states that swap, say) is copied before either is overwritten.
  ValueId stored_result(const FuncResult& result) {
    for (const Argument& arg : from_.args) {
      if (arg.value != result.value || from_.name_of(arg.value) == result.name) continue;
      ++changed_;
      return builder_.stored(mapped_.at(result.value));
    }
    return mapped_.at(result.value);
  }

  bool is_alias(ValueId value) const {
    int made = defining_[value.index];
    if (made < 0) return true;
    const Op& op = from_.ops[static_cast<size_t>(made)];
    return std::holds_alternative<View>(op.def->body) && !view_map(from_, op);
  }

  // The loop stores its carries over the initial ones, so nothing else may read those.
  void own_carries(const Op& scan, std::vector<ValueId>& operands) {
    for (size_t c = 0; c < ScanParts(scan).carries; ++c) {
      if (is_alias(scan.operands[c]) || uses_[scan.operands[c].index] > 1) operands[c] = stored(operands[c]);
    }
  }

  // A result of a body has memory of its own; a carry that is handed on unchanged stays where it is.
  ValueId own_result(size_t r) {
    ValueId value = from_.results[r].value;
    if (r < carries_ && value == from_.args[r].value) return mapped_.at(value);
    bool is_first = own_results_.insert(value).second;
    return is_first && !is_alias(value) ? mapped_.at(value) : stored(mapped_.at(value));
  }

  // Permutes the operand that has the result's last label so that the label is its last, unless steps along the label
  // are short steps in memory already: windows that slide along it, say.
  void move_last(ContractSpec& spec, std::vector<ValueId>& operands) {
    if (spec.result.empty()) return;
    char last = spec.result.back();
    for (int side = 0; side < 2; ++side) {
      std::string& labels = side == 0 ? spec.lhs : spec.rhs;
      size_t position = labels.find(last);
      if (position == std::string::npos || position + 1 == labels.size()) continue;
      ValueId& operand = operands[static_cast<size_t>(side)];
      if (steps_along_rows(operand, position)) continue;
      operand = transposed(operand, position);
      labels.erase(position, 1);
      labels += last;
    }
  }

  // True where dimension `position` of the value is read along the last dimension of the tensor in memory.
  bool steps_along_rows(ValueId value, size_t position) const {
    const Shape& shape = to_.type(value).shape;
    if (to_.type(value).elements() == 0) return true;
    std::vector<size_t> variables(shape.size());
    std::iota(variables.begin(), variables.end(), 0);
    AffineView view = traced(view_of(value, shape, variables, shape.size()), to_, defining_ops(to_), shape);
    return !view.index.empty() && view.index.back().coefficients[position] != 0;
  }

  // `value` with dimension `position` moved to the end, in memory of its own.
  ValueId transposed(ValueId value, size_t position) {
    std::pair key(value, position);
    if (auto found = transposed_.find(key); found != transposed_.end()) return found->second;
    std::vector<int64_t> permutation;
    for (size_t d = 0; d < builder_.type(value).shape.size(); ++d) {
      if (d != position) permutation.push_back(static_cast<int64_t>(d));
    }
    permutation.push_back(static_cast<int64_t>(position));
    ++changed_;
    builder_.set_next_name(to_.name_of(value) + ".t");
    ValueId view = builder_.transpose(value, permutation);
    builder_.set_next_name(to_.name_of(value) + ".transposed");
    return transposed_[key] = builder_.stored(view);
  }

  // A view that leaves its operand's range is lowered to guarded loads, so its operand must be in memory as it is.
  ValueId stored_operand(const Op& op, ValueId operand) {
    if (!can_leave_range(op)) return operand;
    for (const Op& made : to_.ops) {
      bool is_free = (std::holds_alternative<View>(made.def->body) && view_map(to_, made)) ||
                     (std::holds_alternative<Generate>(made.def->body) && made.operands.empty());
      if (made.result() != operand || !is_free) continue;
      ++changed_;
      return builder_.stored(operand);
    }
    return operand;
  }

  const Func& from_;
  size_t carries_;
  const TargetWishes& wishes_;
  std::vector<int> defining_;
  std::vector<int> uses_;
  std::set<ValueId> own_results_;
  Func to_;
  Builder builder_;
  std::map<ValueId, ValueId> mapped_;
  std::map<std::pair<ValueId, size_t>, ValueId> transposed_;
  std::set<ValueId> padded_;  // of the old function: to be stored
  int64_t changed_ = 0;
};

Result<PassStats> run_layout(Module& module, const TargetWishes& wishes) {
  PassStats stats;
  std::map<std::string, size_t> carries = carries_of_bodies(module);
  for (Func& func : module.funcs) {
    if (func.kind == FuncKind::Kernel) continue;
    Func made = LayoutRewriter(func, carries[func.name], wishes).run(stats.changed);
    func = std::move(made);
  }
  return stats;
}

}  // namespace

const Pass pass_layout{.name = "layout", .summary = "lays operands out as kernels read them", .run = run_layout};

}  // namespace tarn
