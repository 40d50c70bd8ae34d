// The backward body: what the cotangents need of the differentiated body, and what is handed to it from outside.
#include <fmt/format.h>

#include <algorithm>

#include "passes/scan_gradient.h"

namespace tarn {

void ScanGradient::build_backward() {
  for (const Carry& carry : carries_) demand(carry.next);
  for (const auto& [value, sum] : accumulated_) demand(value);
  for (size_t i = 0; i < parts_.sequences; ++i) {
    size_t position = parts_.sequence(i);
    if (needs_[position] && arg_cotangents_[position].is_valid()) stack_of(arg_cotangents_[position], false);
  }
  for (const auto& [value, stack] : stacked_) demand(value);
  for (size_t i = body_.ops.size(); i-- > 0;) {
    if (!needed_ops_.contains(i)) continue;
    for (ValueId operand : body_.ops[i].operands) demand(operand);
  }
  backward_.name = unique_name();
  backward_.kind = FuncKind::Body;
  Builder builder(backward_);
  make_arguments(builder);
  for (size_t i : needed_ops_) {
    const Op& op = body_.ops[i];
    const Op& made = builder.copy(body_, op, mapped(op.operands));
    for (size_t r = 0; r < op.results.size(); ++r) mapped_[op.results[r]] = made.results[r];
  }
  make_results(builder);
}

void ScanGradient::demand(ValueId value) {
  int op = defining_[value.index];
  if (op >= 0 && (!is_forward(value) || is_computed_again(value))) {
    needed_ops_.insert(static_cast<size_t>(op));
  } else if (std::none_of(carries_.begin(), carries_.end(), [&](const Carry& c) { return c.value == value; })) {
    ValueId stack = residual(value);
    (invariant_[value.index] ? constants_ : sequences_).try_emplace(value, stack);
  }
}

void ScanGradient::make_arguments(Builder& builder) {
  for (const Carry& carry : carries_) {
    mapped_[carry.value] = builder.argument(body_.type(carry.value), body_.name_of(carry.value));
  }
  for (const auto& [value, sum] : accumulated_) {
    sums_.push_back(builder.argument(body_.type(value), body_.name_of(value) + ".sum"));
  }
  for (const auto* list : {&sequences_, &constants_}) {
    for (const auto& [value, outside] : *list) {
      mapped_[value] = builder.argument(body_.type(value), body_.name_of(value));
    }
  }
}

void ScanGradient::make_results(Builder& builder) {
  std::set<std::string> taken;
  auto result = [&](ValueId value) {
    std::string name = backward_.name_of(value);
    while (!taken.insert(name).second) name += ".2";
    builder.result(value, name);
  };
  for (const Carry& carry : carries_) result(mapped_.at(carry.next));
  size_t next = 0;
  for (const auto& [value, sum] : accumulated_) {
    builder.set_next_name(backward_.name_of(sums_[next]) + ".next");
    result(builder.add(sums_[next++], mapped_.at(value)));
  }
  for (const auto& [value, stack] : stacked_) result(mapped_.at(value));
}

std::vector<ValueId> ScanGradient::mapped(const std::vector<ValueId>& values) const {
  std::vector<ValueId> made;
  for (ValueId value : values) made.push_back(mapped_.at(value));
  return made;
}

std::string ScanGradient::unique_name() const {
  std::string base = body_.name + ".grad", name = base;
  for (int n = 1; module_.find(name); ++n) name = fmt::format("{}.{}", base, n);
  return name;
}

}  // namespace tarn
