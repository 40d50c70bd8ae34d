// Rebuilds the function; parts are found by going down linear ops.
#include "passes/part_products.h"

#include <algorithm>
#include <optional>

#include "ir/accumulation.h"
#include "ir/contract_spec.h"
#include "ir/op_def.h"
#include "ir/view_map.h"
#include "passes/rewrite.h"

namespace tarn {

namespace {

// A value that lies among zeros in a greater one.
struct Part {
  ValueId value;
  Shape before;  // how many zeros are before it in each dimension
  Shape whole;
};

class Parter {
 public:
  Parter(Func& func, const std::function<bool(ValueId)>& apart)
      : func_(func), apart_(apart), defining_(defining_ops(func)), rewriter_(func) {}

  int64_t run() {
    for (const Op& op : func_.ops) {
      rewriter_.at(op);
      if (!part(op)) rewriter_.copy(op);
    }
    if (changed_ > 0) {
      Func made = rewriter_.finish();
      func_ = std::move(made);
    }
    return changed_;
  }

 private:
  // Where a view puts its operand among zeros, how many it puts before it in each dimension.
  std::optional<Shape> zeros_before(const Op& op) const {
    if (!std::holds_alternative<View>(op.def->body)) return std::nullopt;
    std::optional<std::vector<AffineIndex>> map = view_map(func_, op);
    const Shape &result = func_.type(op.result()).shape, &operand = func_.type(op.operands[0]).shape;
    if (!map || result.size() != operand.size()) return std::nullopt;
    Shape before;
    for (size_t d = 0; d < result.size(); ++d) {
      AffineIndex plain{std::vector<int64_t>(result.size(), 0)};
      plain.coefficients[d] = 1;
      before.push_back(-(*map)[d].offset);
      bool is_moved_only = (*map)[d].coefficients == plain.coefficients && (*map)[d].divisor == 1;
      if (!is_moved_only || before[d] < 0 || before[d] + operand[d] > result[d]) return std::nullopt;
    }
    return before;
  }

  const Op* maker_of(ValueId value) const {
    int made = defining_[value.index];
    return made < 0 ? nullptr : &func_.ops[static_cast<size_t>(made)];
  }

  // The parts that linear ops make `value` of; false where there is something else.
  bool collect(ValueId value, std::vector<Part>& parts) const {
    const Op* op = maker_of(value);
    if (!op) return false;
    if (std::optional<Shape> before = zeros_before(*op)) {
      parts.push_back({op->operands[0], *before, func_.type(value).shape});
      return true;
    }
    return op->def->is_linear && std::all_of(op->operands.begin(), op->operands.end(),
                                             [&](ValueId operand) { return collect(operand, parts); });
  }

  // The one dimension in which all parts lie among zeros.
  std::optional<size_t> joined_axis(const std::vector<Part>& parts) const {
    std::optional<size_t> axis;
    for (const Part& part : parts) {
      for (size_t d = 0; d < part.whole.size(); ++d) {
        if (func_.type(part.value).shape[d] == part.whole[d]) continue;
        if (axis && *axis != d) return std::nullopt;
        axis = d;
      }
    }
    return axis;
  }

  bool part(const Op& op) {
    if (!std::holds_alternative<Contract>(op.def->body)) return false;
    // Parts are added up in the result's dtype: that must be what the whole accumulates in.
    DType dtype = func_.type(op.result()).dtype;
    if (accumulation(op.attrs, dtype) != dtype) return false;
    for (size_t side : {0, 1}) {
      std::vector<Part> parts;
      if (!collect(op.operands[side], parts) || parts.size() < 2) continue;
      auto count = std::count_if(parts.begin(), parts.end(), [&](const Part& part) { return apart_(part.value); });
      std::optional<size_t> axis = joined_axis(parts);
      if (!axis || count == 0 || count == static_cast<int64_t>(parts.size())) continue;
      ContractSpec spec = *parse_contract_spec(attr_string(op.attrs, "spec"));
      char label = (side == 0 ? spec.lhs : spec.rhs)[*axis];
      const std::string& other = side == 0 ? spec.rhs : spec.lhs;
      size_t other_axis = other.find(label);
      if (spec.result.find(label) != std::string::npos || other_axis == std::string::npos) continue;
      rewriter_.replace(op.result(), product(op, side, op.operands[side], *axis, other_axis));
      ++changed_;
      return true;
    }
    return false;
  }

  // The contract with `value` on that side: of a part with what the other side has at its place, and so of their sums.
  ValueId product(const Op& contract, size_t side, ValueId value, size_t axis, size_t other_axis) {
    Builder& b = rewriter_.builder();
    const Op& op = *maker_of(value);
    std::vector<ValueId> operands;
    if (std::optional<Shape> before = zeros_before(op)) {
      ValueId rest = rewriter_.mapped(contract.operands[1 - side]), part = rewriter_.mapped(op.operands[0]);
      Shape limit = b.type(rest).shape, start(limit.size(), 0), stride(limit.size(), 1);
      start[other_axis] = (*before)[axis];
      limit[other_axis] = start[other_axis] + b.type(part).shape[axis];
      operands = {part, b.slice(rest, start, limit, stride)};
      if (side == 1) std::swap(operands[0], operands[1]);
      return b.op(*contract.def, operands, contract.attrs);
    }
    for (ValueId operand : op.operands) operands.push_back(product(contract, side, operand, axis, other_axis));
    return b.op(*op.def, operands, op.attrs);
  }

  Func& func_;
  const std::function<bool(ValueId)>& apart_;
  std::vector<int> defining_;
  Rewriter rewriter_;
  int64_t changed_ = 0;
};

}  // namespace

int64_t part_products(Func& func, const std::function<bool(ValueId)>& apart) {
  return Parter(func, apart).run();
}

}  // namespace tarn
