// Places the values of entry functions; see plan_memory.h.
#include "passes/plan_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ir/base/check.h"
#include "ir/op_def.h"
#include "passes/memory_plan.h"

namespace tarn {

namespace {

// Every argument and every named result of an entry function, once for each name.
Result<PassStats> collect_tensors(const Module& module, MemoryPlan& plan) {
  auto add = [&](const std::string& name, const Type& type, Role role, double initial) -> std::optional<Error> {
    if (const MemoryPlan::Tensor* known = plan.find_tensor(name)) {
      if (known->type == type && known->role == role) return std::nullopt;
      return Error{fmt::format("`{}` is `{}` {} here and `{}` {} elsewhere", name, type.text(), role_name(role),
                               known->type.text(), role_name(known->role)),
                   "memory.tensor"};
    }
    plan.tensors.push_back({name, type, role, 0, initial});
    return std::nullopt;
  };
  for (const Func& func : module.funcs) {
    if (func.kind != FuncKind::Entry) continue;
    for (const Argument& arg : func.args) {
      if (auto error = add(func.name_of(arg.value), func.type(arg.value), arg.role, arg.initial)) return *error;
    }
    for (const FuncResult& result : func.results) {
      if (auto error = add(result.name, func.type(result.value), result.role, 0)) return *error;
    }
  }
  // By role, so that parameters, then states, then slots are contiguous; within a role in order of appearance.
  std::stable_sort(plan.tensors.begin(), plan.tensors.end(),
                   [](const auto& a, const auto& b) { return a.role < b.role; });
  for (MemoryPlan::Tensor& tensor : plan.tensors) {
    tensor.offset = plan.persistent_bytes;
    plan.persistent_bytes = align_up(plan.persistent_bytes + tensor.type.bytes());
  }
  return PassStats{};
}

// Places the values of one entry function.
class ScratchPlanner {
 public:
  ScratchPlanner(const Module& module, const Func& func, MemoryPlan& plan)
      : module_(module),
        func_(func),
        plan_(plan),
        defining_(defining_ops(func)),
        ranges_(live_ranges(func)),
        offsets_(func.values.size(), -1) {}

  void run() {
    for (const Argument& arg : func_.args)
      offsets_[arg.value.index] = plan_.find_tensor(func_.name_of(arg.value))->offset;
    for (const FuncResult& result : func_.results) place_at_tensor(result);
    place_in_scratch();
    for (uint32_t v = 0; v < func_.values.size(); ++v) {
      bool is_stored = defining_[v] >= 0 && root_of(func_, defining_, {v}) == ValueId{v};
      if (is_stored) plan_.places[fmt::format("{}/{}", func_.name, func_.values[v].name)] = offsets_[v];
    }
  }

 private:
  const Func& kernel_of(const Op& call) const { return *module_.find(attr_string(call.attrs, "callee")); }

  // The position of `value` among the results of the call that makes it.
  size_t result_position(ValueId value) const {
    const Op& call = func_.ops[static_cast<size_t>(defining_[value.index])];
    return static_cast<size_t>(std::find(call.results.begin(), call.results.end(), value) - call.results.begin());
  }

  // May `value` be stored over `dying`, whose last reader is the call that makes `value`?
  bool may_overlay(ValueId value, ValueId dying) const {
    const Op& call = func_.ops[static_cast<size_t>(defining_[value.index])];
    auto operand = std::find(call.operands.begin(), call.operands.end(), dying);
    return operand != call.operands.end() &&
           can_overlay(kernel_of(call), static_cast<size_t>(operand - call.operands.begin()), result_position(value));
  }

  int loss_call() const {
    for (const FuncResult& result : func_.results) {
      if (result.role == Role::Loss) return defining_[root_of(func_, defining_, result.value).index];
    }
    return -1;
  }

  // A result is stored at its tensor unless something still needs what lies there.
  void place_at_tensor(const FuncResult& result) {
    ValueId value = result.value;
    int made = defining_[value.index];
    if (made < 0 || offsets_[value.index] >= 0 || root_of(func_, defining_, value) != value) return;
    if (is_persistent(result.role) && func_.name != "init" && made <= loss_call()) return;
    for (const Argument& arg : func_.args) {
      if (func_.name_of(arg.value) != result.name) continue;
      int last_read = ranges_[arg.value.index].last_read;
      if (last_read > made || (last_read == made && !may_overlay(value, arg.value))) return;
    }
    offsets_[value.index] = plan_.find_tensor(result.name)->offset;
  }

  bool conflict(ValueId a, ValueId b) const {
    const LiveRange &first = ranges_[a.index], &second = ranges_[b.index];
    int first_end = std::max(first.last_read, first.made), second_end = std::max(second.last_read, second.made);
    return first.made <= second_end && second.made <= first_end;
  }

  // Where two lives touch in one call, the later value may take exactly the earlier one's memory.
  bool may_share(ValueId a, ValueId b) const {
    ValueId early = ranges_[a.index].made < ranges_[b.index].made ? a : b;
    ValueId late = early == a ? b : a;
    return ranges_[early.index].made < ranges_[late.index].made &&
           ranges_[early.index].last_read == ranges_[late.index].made && may_overlay(late, early);
  }

  void place_in_scratch() {
    std::vector<ValueId> waiting;
    for (uint32_t v = 0; v < func_.values.size(); ++v) {
      if (offsets_[v] < 0 && root_of(func_, defining_, {v}) == ValueId{v}) waiting.push_back({v});
    }
    std::stable_sort(waiting.begin(), waiting.end(),
                     [&](ValueId a, ValueId b) { return func_.type(a).bytes() > func_.type(b).bytes(); });
    std::vector<ValueId> placed;
    for (ValueId value : waiting) {
      offsets_[value.index] = lowest_free(value, placed);
      placed.push_back(value);
      plan_.arena_bytes = std::max(plan_.arena_bytes, align_up(offsets_[value.index] + func_.type(value).bytes()));
    }
  }

  int64_t lowest_free(ValueId value, const std::vector<ValueId>& placed) const {
    std::map<int64_t, int64_t> taken;  // begin -> end
    for (ValueId other : placed) {
      if (!conflict(value, other)) continue;
      int64_t begin = offsets_[other.index], end = align_up(begin + func_.type(other).bytes());
      if (may_share(value, other) && is_free_at(value, begin, placed, other)) return begin;
      taken[begin] = std::max(taken[begin], end);
    }
    int64_t offset = align_up(plan_.persistent_bytes);
    int64_t bytes = align_up(func_.type(value).bytes());
    for (auto [begin, end] : taken) {
      if (offset + bytes <= begin) break;
      offset = std::max(offset, end);
    }
    return offset;
  }

  // Is the memory at `offset` free for `value`, but for `shared`?
  bool is_free_at(ValueId value, int64_t offset, const std::vector<ValueId>& placed, ValueId shared) const {
    int64_t end = offset + align_up(func_.type(value).bytes());
    return std::none_of(placed.begin(), placed.end(), [&](ValueId other) {
      int64_t begin = offsets_[other.index];
      return other != shared && conflict(value, other) && begin < end &&
             offset < begin + align_up(func_.type(other).bytes());
    });
  }

  const Module& module_;
  const Func& func_;
  MemoryPlan& plan_;
  std::vector<int> defining_;
  std::vector<LiveRange> ranges_;
  std::vector<int64_t> offsets_;
};

Result<PassStats> run_plan_memory(Module& module) {
  MemoryPlan plan;
  Result<PassStats> collected = collect_tensors(module, plan);
  if (!collected) return collected.error();
  plan.arena_bytes = align_up(plan.persistent_bytes);
  for (const Func& func : module.funcs) {
    if (func.kind == FuncKind::Entry) ScratchPlanner(module, func, plan).run();
  }
  write_memory_plan(plan, module);
  std::vector<std::string> errors = validate_memory_plan(module);
  TARN_CHECK(errors.empty(), "the memory plan is wrong: {}", errors.front());
  return PassStats{static_cast<int64_t>(plan.tensors.size() + plan.places.size())};
}

}  // namespace

const Pass pass_plan_memory{
    .name = "plan_memory", .summary = "gives every value its place in the arena", .run = run_plan_memory};

}  // namespace tarn
