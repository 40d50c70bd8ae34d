// Records of the memory plan, and live ranges.
#include "passes/memory/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/base/check.h"
#include "ir/op_def.h"
#include "ir/scan.h"

namespace tarn {

const MemoryPlan::Tensor* MemoryPlan::find_tensor(std::string_view name) const {
  for (const Tensor& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

ValueId root_of(const Func& func, const std::vector<int>& defining, ValueId value) {
  int op = defining[value.index];
  while (op >= 0) {
    const Op& made = func.ops[static_cast<size_t>(op)];
    size_t carry = 0;
    if (is_scan(made)) {
      carry = static_cast<size_t>(std::find(made.results.begin(), made.results.end(), value) - made.results.begin());
      if (carry >= ScanParts(made).carries) break;
    } else if (!std::holds_alternative<View>(made.def->body)) {
      break;
    }
    value = made.operands[carry];
    op = defining[value.index];
  }
  return value;
}

std::vector<MemoryPlan::Place> MemoryPlan::places_of(const Func& func) const {
  std::vector<int> defining = defining_ops(func);
  std::vector<Place> result(func.values.size());
  for (uint32_t v = 0; v < func.values.size(); ++v) {
    ValueId root = root_of(func, defining, {v});
    if (defining[root.index] < 0 && func.kind == FuncKind::Entry) {
      if (const Tensor* tensor = find_tensor(func.name_of(root))) result[v] = {tensor->offset, {}};
    } else if (auto place = places.find(fmt::format("{}/{}", func.name, func.name_of(root))); place != places.end()) {
      result[v] = place->second;
    }
  }
  return result;
}

Result<MemoryPlan> read_memory_plan(const Module& module) {
  const Record* arena = module.find_record("arena");
  if (!arena) return Error{"the module has no memory plan; run pass `plan_memory`", "memory.plan"};
  MemoryPlan plan;
  auto integer = [](const Record& record, std::string_view key) -> std::optional<int64_t> {
    auto found = record.attrs.find(key);
    const int64_t* held = found == record.attrs.end() ? nullptr : std::get_if<int64_t>(&found->second);
    return held && *held >= 0 ? std::optional(*held) : std::nullopt;
  };
  std::optional<int64_t> bytes = integer(*arena, "bytes"), persistent = integer(*arena, "persistent");
  if (!bytes || !persistent) return Error{"record `arena` needs `bytes` and `persistent`", "memory.plan"};
  plan.arena_bytes = *bytes;
  plan.persistent_bytes = *persistent;
  for (const Record& record : module.records) {
    if (record.kind != "tensor" && record.kind != "place") continue;
    std::optional<int64_t> offset = integer(record, "offset");
    if (!offset) return Error{fmt::format("record `{} {}` needs `offset`", record.kind, record.name), "memory.plan"};
    if (record.kind == "place") {
      auto strides = record.attrs.find("strides");
      const auto* held = strides == record.attrs.end() ? nullptr : std::get_if<std::vector<int64_t>>(&strides->second);
      plan.places[record.name] = {*offset, held ? *held : std::vector<int64_t>{}};
      continue;
    }
    MemoryPlan::Tensor tensor{record.name, {}, Role::None, *offset, 0};
    auto text = [&](std::string_view key) {
      auto found = record.attrs.find(key);
      const std::string* held = found == record.attrs.end() ? nullptr : std::get_if<std::string>(&found->second);
      return held ? *held : "";
    };
    std::optional<DType> dtype = dtype_from_name(text("dtype"));
    auto shape = record.attrs.find("shape");
    const auto* sizes = shape == record.attrs.end() ? nullptr : std::get_if<std::vector<int64_t>>(&shape->second);
    if (!dtype || !sizes || !role_from_name(text("role"), tensor.role)) {
      return Error{fmt::format("record `tensor {}` needs `dtype`, `role` and `shape`", record.name), "memory.plan"};
    }
    tensor.type = {*dtype, *sizes};
    if (auto initial = record.attrs.find("initial"); initial != record.attrs.end()) {
      if (const double* held = std::get_if<double>(&initial->second)) tensor.initial = *held;
    }
    plan.tensors.push_back(std::move(tensor));
  }
  return plan;
}

void write_memory_plan(const MemoryPlan& plan, Module& module) {
  std::erase_if(module.records, [](const Record& record) {
    return record.kind == "tensor" || record.kind == "place" || record.kind == "arena";
  });
  for (const MemoryPlan::Tensor& tensor : plan.tensors) {
    Attrs attrs = {{"dtype", std::string(dtype_name(tensor.type.dtype))},
                   {"offset", tensor.offset},
                   {"role", std::string(role_name(tensor.role))},
                   {"shape", tensor.type.shape}};
    if (tensor.role == Role::Hyper) attrs["initial"] = tensor.initial;
    module.records.push_back({"tensor", tensor.name, std::move(attrs)});
  }
  for (const auto& [name, place] : plan.places) {
    Attrs attrs = {{"offset", place.offset}};
    if (!place.strides.empty()) attrs["strides"] = place.strides;
    module.records.push_back({"place", name, std::move(attrs)});
  }
  module.records.push_back({"arena", "", {{"bytes", plan.arena_bytes}, {"persistent", plan.persistent_bytes}}});
}

bool can_overlay(const Func& kernel, size_t argument, size_t result) {
  ValueId read = kernel.args[argument].value;
  if (kernel.type(read) != kernel.type(kernel.results[result].value)) return false;
  std::vector<bool> derived(kernel.values.size(), false);
  derived[read.index] = true;
  for (const Op& op : kernel.ops) {
    bool reads = std::any_of(op.operands.begin(), op.operands.end(), [&](ValueId v) { return derived[v.index]; });
    if (!reads) continue;
    if (!std::holds_alternative<Elementwise>(op.def->body)) return false;
    derived[op.result().index] = true;
  }
  return true;
}

std::vector<LiveRange> live_ranges(const Func& func) {
  std::vector<int> defining = defining_ops(func);
  std::vector<LiveRange> ranges(func.values.size());
  for (size_t v = 0; v < func.values.size(); ++v) {
    ValueId root = root_of(func, defining, {static_cast<uint32_t>(v)});
    ranges[v].made = defining[root.index];
  }
  for (size_t i = 0; i < func.ops.size(); ++i) {
    for (ValueId operand : func.ops[i].operands) {
      LiveRange& range = ranges[root_of(func, defining, operand).index];
      range.last_read = std::max(range.last_read, static_cast<int>(i));
    }
  }
  for (const FuncResult& result : func.results) {
    ranges[root_of(func, defining, result.value).index].last_read = static_cast<int>(func.ops.size());
  }
  return ranges;
}

}  // namespace tarn
