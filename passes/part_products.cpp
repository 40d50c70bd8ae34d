// Rebuilds the function; a part is found by going down sums of pads.
#include "passes/part_products.h"

#include <algorithm>
#include <optional>

#include "ir/accumulation.h"
#include "ir/contract_spec.h"
#include "ir/op_def.h"
#include "passes/rewrite.h"

namespace tarn {

namespace {

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
  const Op* op_of(ValueId value, std::string_view name) const {
    int made = defining_[value.index];
    if (made < 0 || func_.ops[static_cast<size_t>(made)].def->name != name) return nullptr;
    return &func_.ops[static_cast<size_t>(made)];
  }

  // The pads that make up `value` by being added; false where there is something else.
  bool collect(ValueId value, std::vector<const Op*>& pads) const {
    if (const Op* pad = op_of(value, "pad")) {
      pads.push_back(pad);
      return true;
    }
    const Op* sum = op_of(value, "add");
    return sum && collect(sum->operands[0], pads) && collect(sum->operands[1], pads);
  }

  // The dimension that all pads put zeros around, in front or behind and nowhere else.
  static std::optional<size_t> joined_axis(const std::vector<const Op*>& pads) {
    std::optional<size_t> axis;
    for (const Op* pad : pads) {
      const auto &low = attr_ints(pad->attrs, "low"), &high = attr_ints(pad->attrs, "high");
      const auto& interior = attr_ints(pad->attrs, "interior");
      for (size_t d = 0; d < low.size(); ++d) {
        if (interior[d] != 0 || low[d] < 0 || high[d] < 0) return std::nullopt;
        if (low[d] == 0 && high[d] == 0) continue;
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
      std::vector<const Op*> pads;
      if (!collect(op.operands[side], pads) || pads.size() < 2) continue;
      auto is_apart = [&](const Op* pad) { return apart_(pad->operands[0]); };
      auto count = std::count_if(pads.begin(), pads.end(), is_apart);
      std::optional<size_t> axis = joined_axis(pads);
      if (!axis || count == 0 || count == static_cast<int64_t>(pads.size())) continue;
      ContractSpec spec = *parse_contract_spec(attr_string(op.attrs, "spec"));
      char label = (side == 0 ? spec.lhs : spec.rhs)[*axis];
      const std::string& other = side == 0 ? spec.rhs : spec.lhs;
      size_t other_axis = other.find(label);
      if (spec.result.find(label) != std::string::npos || other_axis == std::string::npos) continue;
      emit(op, side, pads, *axis, other_axis);
      return true;
    }
    return false;
  }

  void emit(const Op& op, size_t side, const std::vector<const Op*>& pads, size_t axis, size_t other_axis) {
    Builder& b = rewriter_.builder();
    ValueId sum;
    for (const Op* pad : pads) {
      ValueId rest = rewriter_.mapped(op.operands[1 - side]), value = rewriter_.mapped(pad->operands[0]);
      Shape limit = b.type(rest).shape, start(limit.size(), 0), stride(limit.size(), 1);
      start[other_axis] = attr_ints(pad->attrs, "low")[axis];
      limit[other_axis] = start[other_axis] + b.type(value).shape[axis];
      std::vector<ValueId> operands(2);
      operands[side] = value;
      operands[1 - side] = b.op("slice", {rest}, {{"start", start}, {"limit", limit}, {"stride", stride}});
      ValueId product = b.op("contract", operands, op.attrs);
      sum = sum.is_valid() ? b.add(sum, product) : product;
    }
    rewriter_.replace(op.result(), sum);
    ++changed_;
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
