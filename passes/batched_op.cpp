// A rule for each form: dimension 0 is the slice, the op's own dimensions follow.
#include "passes/batched_op.h"

#include <algorithm>
#include <numeric>

#include "ir/base/check.h"
#include "ir/contract_spec.h"
#include "ir/op_def.h"

namespace tarn {

// Views by their attributes: those that list dimensions, and those that have an entry for each.
struct ViewRule {
  const char* name;
  const char* dimensions;            // lists dimensions of the result (broadcast) or operand (transpose)
  std::vector<const char*> entries;  // one number for each dimension: what dimension 0 gets is in first_entry
};

static const ViewRule kViews[] = {
    {"broadcast", "dims", {"shape"}},
    {"transpose", "perm", {}},
    {"reshape", nullptr, {"shape"}},
    {"slice", nullptr, {"start", "limit", "stride"}},
    {"pad", nullptr, {"low", "high", "interior"}},
};

static const ViewRule* view_rule(const Op& op) {
  auto found =
      std::find_if(std::begin(kViews), std::end(kViews), [&](const ViewRule& r) { return op.def->name == r.name; });
  return found == std::end(kViews) ? nullptr : found;
}

bool can_batch(const Op& op) {
  if (std::holds_alternative<View>(op.def->body)) return view_rule(op) != nullptr;
  return std::holds_alternative<Elementwise>(op.def->body) || std::holds_alternative<Reduce>(op.def->body) ||
         std::holds_alternative<Contract>(op.def->body);
}

static std::vector<int64_t> shifted(const std::vector<int64_t>& dimensions) {
  std::vector<int64_t> made;
  for (int64_t d : dimensions) made.push_back(d + 1);
  return made;
}

static int64_t first_entry(std::string_view key, int64_t length) {
  if (key == "stride") return 1;
  return key == "shape" || key == "limit" ? length : 0;
}

static Attrs view_attrs(const Op& op, int64_t length) {
  const ViewRule& rule = *view_rule(op);
  Attrs attrs = op.attrs;
  if (rule.dimensions) {
    std::vector<int64_t> dimensions = shifted(attr_ints(op.attrs, rule.dimensions));
    dimensions.insert(dimensions.begin(), 0);
    attrs[rule.dimensions] = dimensions;
  }
  for (const char* key : rule.entries) {
    std::vector<int64_t> entries = attr_ints(op.attrs, key);
    entries.insert(entries.begin(), first_entry(key, length));
    attrs[key] = entries;
  }
  return attrs;
}

static std::string contract_spec(const Op& op, const std::vector<BatchedOperand>& operands) {
  ContractSpec spec = *parse_contract_spec(attr_string(op.attrs, "spec"));
  char label = 'a';
  while ((spec.lhs + spec.rhs).find(label) != std::string::npos) ++label;
  TARN_CHECK(label <= 'z', "`{}` leaves no label", spec.text());
  if (operands[0].is_stack) spec.lhs = label + spec.lhs;
  if (operands[1].is_stack) spec.rhs = label + spec.rhs;
  spec.result = label + spec.result;
  return spec.text();
}

// The value repeated for each slice.
static ValueId repeated(Builder& b, ValueId value, int64_t length) {
  Shape shape = b.type(value).shape;
  std::vector<int64_t> dims(shape.size());
  std::iota(dims.begin(), dims.end(), 1);
  shape.insert(shape.begin(), length);
  return b.broadcast(value, shape, dims);
}

ValueId batch_op(Builder& b, const Op& op, const std::vector<BatchedOperand>& operands, int64_t length) {
  std::vector<ValueId> values;
  bool is_contract = std::holds_alternative<Contract>(op.def->body);
  for (const BatchedOperand& operand : operands) {
    bool fits = operand.is_stack || is_contract;
    values.push_back(fits ? operand.value : repeated(b, operand.value, length));
  }
  Attrs attrs = op.attrs;
  if (is_contract) attrs["spec"] = contract_spec(op, operands);
  if (std::holds_alternative<View>(op.def->body)) attrs = view_attrs(op, length);
  if (std::holds_alternative<Reduce>(op.def->body)) attrs["axes"] = shifted(attr_ints(op.attrs, "axes"));
  b.set_location(op.location);
  return b.op(op.def->name, values, attrs);
}

}  // namespace tarn
