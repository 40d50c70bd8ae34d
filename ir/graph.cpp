// Small queries on modules and functions.
#include "ir/graph.h"

#include <fmt/format.h>

#include <algorithm>

namespace tarn {

static constexpr std::string_view kRoleNames[] = {"param", "state",       "slot",  "hyper", "input",  "step",  "seed",
                                                  "count", "total_steps", "epoch", "loss",  "metric", "output"};

std::string_view role_name(Role role) {
  return role == Role::None ? "" : kRoleNames[static_cast<size_t>(role)];
}

bool role_from_name(std::string_view name, Role& role) {
  auto found = std::find(std::begin(kRoleNames), std::end(kRoleNames), name);
  if (found == std::end(kRoleNames)) return false;
  role = static_cast<Role>(found - std::begin(kRoleNames));
  return true;
}

bool is_persistent(Role role) {
  return role == Role::Param || role == Role::State || role == Role::Slot || role == Role::Step;
}

std::string Func::unique_name(std::string_view name) {
  std::string unique(name);
  if (next_suffix_.try_emplace(unique, 1).second) return unique;
  uint32_t suffix = next_suffix_[unique];
  do unique = fmt::format("{}.{}", name, suffix++);
  while (!next_suffix_.try_emplace(unique, 1).second);
  next_suffix_[std::string(name)] = suffix;
  return unique;
}

ValueId Func::add_value(Type type, std::string_view name) {
  values.push_back({std::move(type), unique_name(name)});
  return ValueId{static_cast<uint32_t>(values.size() - 1)};
}

void Func::rename(ValueId value, std::string_view name) {
  values[value.index].name = unique_name(name);
}

void Func::reserve_names(const Func& other) {
  for (const Value& value : other.values) next_suffix_.try_emplace(value.name, 1);
}

Func* Module::find(std::string_view wanted) {
  for (Func& func : funcs) {
    if (func.name == wanted) return &func;
  }
  return nullptr;
}

const Func* Module::find(std::string_view wanted) const {
  return const_cast<Module*>(this)->find(wanted);
}

const Record* Module::find_record(std::string_view kind, std::string_view wanted) const {
  for (const Record& record : records) {
    if (record.kind == kind && (wanted.empty() || record.name == wanted)) return &record;
  }
  return nullptr;
}

std::optional<int64_t> batch_of(const Module& module) {
  const Record* model = module.find_record("model");
  if (!model) return std::nullopt;
  auto found = model->attrs.find("batch");
  const int64_t* batch = found == model->attrs.end() ? nullptr : std::get_if<int64_t>(&found->second);
  return batch ? std::optional(*batch) : std::nullopt;
}

std::vector<int> defining_ops(const Func& func) {
  std::vector<int> defining(func.values.size(), -1);
  for (size_t i = 0; i < func.ops.size(); ++i) {
    for (ValueId result : func.ops[i].results) defining[result.index] = static_cast<int>(i);
  }
  return defining;
}

std::vector<int> use_counts(const Func& func) {
  std::vector<int> counts(func.values.size(), 0);
  for (const Op& op : func.ops) {
    for (ValueId operand : op.operands) ++counts[operand.index];
  }
  for (const FuncResult& result : func.results) ++counts[result.value.index];
  return counts;
}

void drop_undefined_values(Func& func) {
  std::vector<bool> is_defined(func.values.size(), false);
  for (const Argument& arg : func.args) is_defined[arg.value.index] = true;
  for (const Op& op : func.ops) {
    for (ValueId result : op.results) is_defined[result.index] = true;
  }
  std::vector<ValueId> place(func.values.size());
  std::vector<Value> kept;
  for (size_t i = 0; i < func.values.size(); ++i) {
    if (!is_defined[i]) continue;
    place[i] = {static_cast<uint32_t>(kept.size())};
    kept.push_back(std::move(func.values[i]));
  }
  func.values = std::move(kept);
  for (Argument& arg : func.args) arg.value = place[arg.value.index];
  for (Op& op : func.ops) {
    for (ValueId& operand : op.operands) operand = place[operand.index];
    for (ValueId& result : op.results) result = place[result.index];
  }
  for (FuncResult& result : func.results) result.value = place[result.value.index];
}

void renumber_values(Func& func) {
  std::vector<ValueId> place(func.values.size());
  std::vector<Value> ordered;
  func.next_suffix_.clear();
  auto define = [&](ValueId& value) {
    place[value.index] = {static_cast<uint32_t>(ordered.size())};
    ordered.push_back(std::move(func.values[value.index]));
    func.next_suffix_.try_emplace(ordered.back().name, 1);
    value = place[value.index];
  };
  for (Argument& arg : func.args) define(arg.value);
  for (Op& op : func.ops) {
    for (ValueId& operand : op.operands) operand = place[operand.index];
    for (ValueId& result : op.results) define(result);
  }
  for (FuncResult& result : func.results) result.value = place[result.value.index];
  func.values = std::move(ordered);
}

}  // namespace tarn
