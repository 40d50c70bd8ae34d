// Places the values of entry functions and of the bodies of their loops; see plan_memory.h.
#include "passes/memory/plan_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "ir/base/check.h"
#include "ir/op_def.h"
#include "ir/scan.h"
#include "passes/memory/memory_plan.h"

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

// Places the values of one entry function or body: first within its frame, then, when the frame has its place, in the
// arena.  A body's frame is memory of the function that holds the scan, during that op.
class FramePlanner {
 public:
  using Place = MemoryPlan::Place;

  // `loop`: the scan whose body `func` is; nullptr for entry functions.
  FramePlanner(const Module& module, const Func& func, const Op* loop, MemoryPlan& plan)
      : module_(module),
        func_(func),
        plan_(plan),
        defining_(defining_ops(func)),
        ranges_(live_ranges(func)),
        homes_(func.values.size()) {
    if (loop) loop_.emplace(*loop);
    for (const Argument& arg : func.args) argument_of_.emplace(func.name_of(arg.value), arg.value);
    loss_op_ = find_loss_op();
  }

  // Places everything in the frame, which begins at `base`; returns where it ends.
  int64_t run(int64_t base) {
    for (size_t r = 0; r < func_.results.size(); ++r) loop_ ? place_at_loop(r) : place_at_tensor(func_.results[r]);
    collect_items();
    return place_items(base);
  }

  // Enters an entry function's places.
  void write() {
    std::vector<Place> args;
    for (const Argument& arg : func_.args) args.push_back({plan_.find_tensor(func_.name_of(arg.value))->offset, {}});
    write(0, args, {});
  }

 private:
  // Where a value lies.
  struct Home {
    enum Kind : uint8_t { None, Frame, Tensor, Result } kind = None;
    int64_t offset = 0;  // Frame, Tensor
    size_t result = 0;   // Result: at the loop's result of that position
  };
  // A value, or the frame of a scan's body.
  struct Item {
    ValueId value;  // invalid for a frame
    int64_t bytes = 0;
    LiveRange range;
    int64_t offset = -1;
  };
  struct Child {
    size_t op;
    std::unique_ptr<FramePlanner> planner;
    size_t item;  // its frame's
  };

  ValueId root(ValueId value) const { return root_of(func_, defining_, value); }

  // May `value` be stored over `dying`, whose last reader is the call that makes `value`?  The call may read it under
  // several names, of which each has to be read in step.
  bool may_overlay(ValueId value, ValueId dying) const {
    const Op& call = func_.ops[static_cast<size_t>(defining_[value.index])];
    if (!std::holds_alternative<Call>(call.def->body)) return false;
    const Func& kernel = *module_.find(attr_string(call.attrs, "callee"));
    auto result = std::find(call.results.begin(), call.results.end(), value) - call.results.begin();
    bool is_read = false;
    for (size_t i = 0; i < call.operands.size(); ++i) {
      if (root(call.operands[i]) != root(dying)) continue;
      if (!can_overlay(kernel, i, static_cast<size_t>(result))) return false;
      is_read = true;
    }
    return is_read;
  }

  // Is what `argument` holds no longer needed when `value` is stored over it?
  bool may_take_place_of(ValueId value, ValueId argument) const {
    int last_read = ranges_[argument.index].last_read, made = defining_[value.index];
    return last_read < made || (last_read == made && may_overlay(value, argument));
  }

  int find_loss_op() const {
    for (const FuncResult& result : func_.results) {
      if (result.role != Role::Loss) continue;
      int made = defining_[result.value.index];
      bool is_scan_result = made >= 0 && is_scan(func_.ops[static_cast<size_t>(made)]);
      return is_scan_result ? made : defining_[root(result.value).index];
    }
    return -1;
  }

  // A result is stored at its tensor unless something still needs what lies there.
  void place_at_tensor(const FuncResult& result) {
    ValueId value = result.value;
    int made = defining_[value.index];
    if (made < 0 || homes_[value.index].kind != Home::None || root(value) != value) return;
    if (is_persistent(result.role) && made <= loss_op_) return;
    auto argument = argument_of_.find(result.name);
    if (argument != argument_of_.end() && !may_take_place_of(value, argument->second)) return;
    homes_[value.index] = {Home::Tensor, plan_.find_tensor(result.name)->offset, 0};
  }

  // An output is stored where the loop wants it; a next carry over the carry, unless something still needs that.
  void place_at_loop(size_t r) {
    ValueId value = root(func_.results[r].value);
    if (defining_[value.index] < 0 || homes_[value.index].kind != Home::None) return;
    if (r < loop_->carries && !may_take_place_of(value, func_.args[r].value)) return;
    homes_[value.index] = {Home::Result, 0, r};
  }

  void collect_items() {
    for (uint32_t v = 0; v < func_.values.size(); ++v) {
      bool is_own = defining_[v] >= 0 && root({v}) == ValueId{v} && homes_[v].kind == Home::None;
      if (is_own) items_.push_back({{v}, align_up(func_.values[v].type.bytes()), ranges_[v], -1});
    }
    for (size_t i = 0; i < func_.ops.size(); ++i) {
      if (!is_scan(func_.ops[i])) continue;
      const Func& body = *module_.find(ScanParts(func_.ops[i]).body);
      auto planner = std::make_unique<FramePlanner>(module_, body, &func_.ops[i], plan_);
      int64_t bytes = planner->run(0);
      children_.push_back({i, std::move(planner), items_.size()});
      items_.push_back({{}, bytes, {static_cast<int>(i), static_cast<int>(i)}, -1});
    }
  }

  static bool conflict(const Item& a, const Item& b) {
    int a_end = std::max(a.range.last_read, a.range.made), b_end = std::max(b.range.last_read, b.range.made);
    return a.range.made <= b_end && b.range.made <= a_end;
  }

  // Where two lives touch in one call, the later value may take exactly the earlier one's memory.
  bool may_share(const Item& a, const Item& b) const {
    const Item &early = a.range.made < b.range.made ? a : b, &late = &early == &a ? b : a;
    return early.value.is_valid() && late.value.is_valid() && early.range.made < late.range.made &&
           early.range.last_read == late.range.made && may_overlay(late.value, early.value);
  }

  int64_t place_items(int64_t base) {
    std::vector<Item*> waiting, placed;
    for (Item& item : items_) waiting.push_back(&item);
    std::stable_sort(waiting.begin(), waiting.end(), [](const Item* a, const Item* b) { return a->bytes > b->bytes; });
    int64_t end = base;
    for (Item* item : waiting) {
      item->offset = lowest_free(*item, placed, base);
      placed.push_back(item);
      end = std::max(end, item->offset + item->bytes);
      if (item->value.is_valid()) homes_[item->value.index] = {Home::Frame, item->offset, 0};
    }
    return end;
  }

  int64_t lowest_free(const Item& item, const std::vector<Item*>& placed, int64_t base) const {
    std::map<int64_t, int64_t> taken;  // begin -> end
    for (const Item* other : placed) {
      if (!conflict(item, *other)) continue;
      if (may_share(item, *other) && is_free_at(item, other->offset, placed, other)) return other->offset;
      int64_t& end = taken[other->offset];
      end = std::max(end, other->offset + other->bytes);
    }
    int64_t offset = base;
    for (auto [begin, end] : taken) {
      if (offset + item.bytes <= begin) break;
      offset = std::max(offset, end);
    }
    return offset;
  }

  // Is the memory at `offset` free for `item`, but for `shared`?
  static bool is_free_at(const Item& item, int64_t offset, const std::vector<Item*>& placed, const Item* shared) {
    return std::none_of(placed.begin(), placed.end(), [&](const Item* other) {
      return other != shared && conflict(item, *other) && other->offset < offset + item.bytes &&
             offset < other->offset + other->bytes;
    });
  }

  // Enters the places of a frame at `origin`, given those of the arguments and, for a body, of the results.
  void write(int64_t origin, const std::vector<Place>& args, const std::vector<Place>& results) {
    std::vector<int64_t> no_strides(args.empty() ? results.empty() ? 0 : results[0].strides.size()
                                                 : args[0].strides.size());
    std::vector<Place> places(func_.values.size());
    for (size_t i = 0; i < func_.args.size(); ++i) places[func_.args[i].value.index] = args[i];
    for (uint32_t v = 0; v < func_.values.size(); ++v) {
      const Home& home = homes_[v];
      if (home.kind == Home::Frame) places[v] = {origin + home.offset, no_strides};
      if (home.kind == Home::Tensor) places[v] = {home.offset, {}};
      if (home.kind == Home::Result) places[v] = results[home.result];
      bool is_named = func_.kind == FuncKind::Entry && defining_[v] < 0;  // by its tensor
      if (places[v].offset >= 0 && !is_named)
        plan_.places[fmt::format("{}/{}", func_.name, func_.values[v].name)] = places[v];
    }
    for (const Child& child : children_) write_child(child, origin, places);
  }

  void write_child(const Child& child, int64_t origin, const std::vector<Place>& places) const {
    const Op& op = func_.ops[child.op];
    ScanParts parts(op);
    auto moving = [&](ValueId value, bool by_slice) {
      Place place = places[root(value).index];
      place.strides.push_back(by_slice ? slice_type(func_.type(value)).bytes() : 0);
      return place;
    };
    std::vector<Place> args, results;
    for (size_t i = 0; i < op.operands.size(); ++i) args.push_back(moving(op.operands[i], parts.is_sequence(i)));
    for (size_t r = 0; r < op.results.size(); ++r) results.push_back(moving(op.results[r], r >= parts.carries));
    child.planner->write(origin + items_[child.item].offset, args, results);
  }

  const Module& module_;
  const Func& func_;
  MemoryPlan& plan_;
  std::optional<ScanParts> loop_;
  std::vector<int> defining_;
  std::vector<LiveRange> ranges_;
  std::unordered_map<std::string, ValueId> argument_of_;  // by name
  int loss_op_ = -1;
  std::vector<Home> homes_;  // of each value
  std::vector<Item> items_;
  std::vector<Child> children_;
};

Result<PassStats> run_plan_memory(Module& module, const TargetWishes&) {
  MemoryPlan plan;
  Result<PassStats> collected = collect_tensors(module, plan);
  if (!collected) return collected.error();
  plan.arena_bytes = align_up(plan.persistent_bytes);
  for (const Func& func : module.funcs) {
    if (func.kind != FuncKind::Entry) continue;
    FramePlanner planner(module, func, nullptr, plan);
    plan.arena_bytes = std::max(plan.arena_bytes, planner.run(align_up(plan.persistent_bytes)));
    planner.write();
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
