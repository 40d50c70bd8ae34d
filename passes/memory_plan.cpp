// Records of the memory plan, live ranges, and the proof that a plan is right.
#include "passes/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/base/check.h"
#include "ir/op_def.h"

namespace tarn {

const MemoryPlan::Tensor* MemoryPlan::find_tensor(std::string_view name) const {
  for (const Tensor& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

ValueId root_of(const Func& func, const std::vector<int>& defining, ValueId value) {
  int op = defining[value.index];
  while (op >= 0 && std::holds_alternative<View>(func.ops[static_cast<size_t>(op)].def->body)) {
    value = func.ops[static_cast<size_t>(op)].operands[0];
    op = defining[value.index];
  }
  return value;
}

std::vector<int64_t> MemoryPlan::offsets(const Func& func) const {
  std::vector<int> defining = defining_ops(func);
  std::vector<int64_t> result(func.values.size(), -1);
  for (uint32_t v = 0; v < func.values.size(); ++v) {
    ValueId root = root_of(func, defining, {v});
    if (defining[root.index] < 0) {
      if (const Tensor* tensor = find_tensor(func.name_of(root))) result[v] = tensor->offset;
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
      plan.places[record.name] = *offset;
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
  for (const auto& [name, offset] : plan.places) module.records.push_back({"place", name, {{"offset", offset}}});
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

namespace {

// Checks one entry function against the plan.
class PlanValidator {
 public:
  PlanValidator(const Module& module, const MemoryPlan& plan, const Func& func, std::vector<std::string>& errors)
      : module_(module),
        plan_(plan),
        func_(func),
        errors_(errors),
        ranges_(live_ranges(func)),
        offsets_(plan.offsets(func)) {}

  void run() {
    for (uint32_t v = 0; v < func_.values.size(); ++v) {
      if (offsets_[v] < 0) return error("%{} has no place", func_.values[v].name);
    }
    for (size_t i = 0; i < func_.ops.size(); ++i) {
      if (!std::holds_alternative<Call>(func_.ops[i].def->body)) continue;
      for (size_t r = 0; r < func_.ops[i].results.size(); ++r) check_store(i, r);
    }
  }

 private:
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    errors_.push_back(fmt::format("@{}: {}", func_.name, fmt::format(format, std::forward<Args>(args)...)));
  }

  static bool overlap(int64_t a, int64_t a_bytes, int64_t b, int64_t b_bytes) {
    return a < b + b_bytes && b < a + a_bytes;
  }

  void check_store(size_t index, size_t result) {
    ValueId stored = func_.ops[index].results[result];
    int64_t begin = offsets_[stored.index], bytes = func_.type(stored).bytes();
    if (begin + bytes > plan_.arena_bytes) {
      error("%{} ends at {}, after the arena's {} bytes", func_.name_of(stored), begin + bytes, plan_.arena_bytes);
    }
    for (const MemoryPlan::Tensor& tensor : plan_.tensors) {
      bool is_its_result = std::any_of(func_.results.begin(), func_.results.end(), [&](const FuncResult& named) {
        return named.value == stored && named.name == tensor.name && begin == tensor.offset;
      });
      if (!is_its_result && overlap(begin, bytes, tensor.offset, tensor.type.bytes())) {
        error("%{} is stored over tensor `{}`", func_.name_of(stored), tensor.name);
      }
    }
    for (uint32_t v = 0; v < func_.values.size(); ++v) {
      if (ValueId{v} != stored) check_pair(index, result, {v});
    }
  }

  // `other` is live while the call at `index` runs: its memory must be elsewhere, or be read in step with the store.
  void check_pair(size_t index, size_t result, ValueId other) {
    int now = static_cast<int>(index);
    const LiveRange& range = ranges_[other.index];
    if (range.last_read < now || range.made > now) return;
    const Op& call = func_.ops[index];
    ValueId stored = call.results[result];
    if (!overlap(offsets_[stored.index], func_.type(stored).bytes(), offsets_[other.index],
                 func_.type(other).bytes())) {
      return;
    }
    auto operand = std::find(call.operands.begin(), call.operands.end(), other);
    bool dies_here = range.last_read == now && range.made < now && operand != call.operands.end();
    const Func* kernel = module_.find(attr_string(call.attrs, "callee"));
    if (dies_here && offsets_[stored.index] == offsets_[other.index] &&
        can_overlay(*kernel, static_cast<size_t>(operand - call.operands.begin()), result)) {
      return;
    }
    error("storing %{} overwrites %{}, which is still needed", func_.name_of(stored), func_.name_of(other));
  }

  const Module& module_;
  const MemoryPlan& plan_;
  const Func& func_;
  std::vector<std::string>& errors_;
  std::vector<LiveRange> ranges_;
  std::vector<int64_t> offsets_;
};

}  // namespace

std::vector<std::string> validate_memory_plan(const Module& module) {
  Result<MemoryPlan> plan = read_memory_plan(module);
  if (!plan) return {plan.error().message};
  std::vector<std::string> errors;
  for (const Func& func : module.funcs) {
    if (func.kind == FuncKind::Entry) PlanValidator(module, *plan, func, errors).run();
  }
  return errors;
}

}  // namespace tarn
