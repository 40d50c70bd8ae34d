// Names and order survive a rebuild: people read dumps.
#include "passes/rewrite.h"

#include "ir/base/check.h"
#include "ir/op_def.h"

namespace tarn {

bool holds_gradient(const Func& func) {
  for (const Op& op : func.ops) {
    if (std::holds_alternative<Gradient>(op.def->body)) return true;
  }
  return false;
}

Rewriter::Rewriter(const Func& old) : old_(old), builder_(new_), map_(old.values.size()) {
  new_.name = old.name;
  new_.kind = old.kind;
  new_.reserve_names(old);
  for (const Argument& arg : old.args) {
    ValueId value = new_.add_value(old.type(arg.value), "");
    new_.claim_name(value, old.name_of(arg.value));
    new_.args.push_back({value, arg.role, arg.initial});
    map_[arg.value.index] = value;
  }
}

void Rewriter::at(const Op& op) {
  builder_.set_location(op.location);
  values_before_ = new_.values.size();
}

std::vector<ValueId> Rewriter::mapped(const std::vector<ValueId>& old) const {
  std::vector<ValueId> values;
  for (ValueId value : old) values.push_back(mapped(value));
  return values;
}

void Rewriter::copy(const Op& op) {
  Op made{op.def, mapped(op.operands), {}, op.attrs, op.location};
  for (ValueId result : op.results) {
    ValueId value = new_.add_value(old_.type(result), "");
    new_.claim_name(value, old_.name_of(result));
    made.results.push_back(value);
    map_[result.index] = value;
  }
  new_.ops.push_back(std::move(made));
}

void Rewriter::replace(ValueId old, ValueId value) {
  map_[old.index] = value;
  if (value.index >= values_before_) new_.claim_name(value, old_.name_of(old));
}

Func Rewriter::finish() {
  for (const FuncResult& result : old_.results) {
    TARN_CHECK(mapped(result.value).is_valid(), "result `{}` of @{} was not rebuilt", result.name, old_.name);
    new_.results.push_back({mapped(result.value), result.name, result.role});
  }
  return std::move(new_);
}

}  // namespace tarn
