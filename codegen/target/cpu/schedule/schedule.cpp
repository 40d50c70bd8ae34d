// A kernel to its schedule: every nest planned once, every reduction once for each shape of tile around it.
#include "codegen/target/cpu/schedule/schedule.h"

#include <algorithm>

#include "codegen/kernel/facts.h"
#include "codegen/kernel/prepare.h"
#include "codegen/target/cpu/schedule/planner.h"
#include "ir/base/check.h"

namespace tarn {

int64_t LoopPlan::tasks() const {
  int64_t sum = 0;
  for (const Segment& segment : segments) sum += segment.iterations;
  return sum;
}

int64_t NestPlan::tasks(size_t level) const {
  return block ? divide_up(loops[level].tasks(), block->group[level]) : loops[level].tasks();
}

const NestPlan* Schedule::domain() const {
  const ForLoop* loop = domain_of(kernel);
  return loop ? &nests.at(loop->variable) : nullptr;
}

const ReducePlan& Schedule::reduction(ScalarIndex result, const TileShape& tile) const {
  auto found = reductions.find(result);
  TARN_CHECK(found != reductions.end(), "the schedule of @{} has no reduction %{}", kernel.name, result);
  for (const ReducePlan& plan : found->second) {
    if (plan.tile == tile) return plan;
  }
  TARN_CHECK(false, "the schedule of @{} foresees no such tile around %{}", kernel.name, result);
  return found->second.front();
}

namespace {

// Tasks that the outermost loop must have to be shared out alone.
constexpr int64_t kOuterTasks = 64;

bool is_slow(const Compute& compute) {
  return compute.op == ScalarOp::Div || (compute.op >= ScalarOp::Sqrt && compute.op <= ScalarOp::Pow);
}

// Goes through the kernel as its code is emitted, once for each combination of tile sizes.
class Scheduler {
 public:
  Scheduler(Schedule& schedule, const CpuTraits& traits)
      : schedule_(schedule),
        kernel_(schedule.kernel),
        traits_(traits),
        facts_(find_facts(schedule.kernel)),
        planner_(schedule.kernel, facts_, traits) {}

  void run() {
    block(kernel_.body);
    for (const Statement* definition : facts_.definition) {
      const Compute* compute = definition ? std::get_if<Compute>(&definition->node) : nullptr;
      schedule_.is_slow.push_back(compute && is_slow(*compute));
    }
    share_out();
  }

 private:
  void block(const Block& body) {
    for (const Statement& statement : body) {
      if (const ForLoop* loop = std::get_if<ForLoop>(&statement.node)) nest(*loop);
      if (const ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) reduce(*loop);
    }
  }

  void nest(const ForLoop& loop) {
    auto [place, is_new] = schedule_.nests.try_emplace(loop.variable);
    if (is_new) place->second = planner_.nest(loop, vector_.has_value());
    const NestPlan* around = nest_;
    nest_ = &place->second;
    level(place->second, 0, *perfect_nest(loop).body);
    nest_ = around;
  }

  void level(const NestPlan& plan, size_t number, const Block& body) {
    if (number == plan.loops.size()) return block(body);
    in_tiles(plan.loops[number], [&] { level(plan, number + 1, body); });
  }

  // Runs `inside` once for each size of tile that the loop has.
  template <typename Inside>
  void in_tiles(const LoopPlan& loop, const Inside& inside) {
    std::optional<VariableIndex> vector = vector_;
    if (loop.lanes > 1) vector_ = loop.variable;
    std::vector<int> done;
    for (const Segment& segment : loop.segments) {
      if (std::find(done.begin(), done.end(), segment.copies) != done.end()) continue;
      done.push_back(segment.copies);
      bool is_tiled = loop.lanes > 1 || segment.copies > 1;
      if (is_tiled) tile_.push_back({loop.variable, segment.copies});
      inside();
      if (is_tiled) tile_.pop_back();
    }
    vector_ = vector;
  }

  void reduce(const ReduceLoop& loop) {
    if (loop.variables.empty()) return block(loop.body);
    std::vector<ReducePlan>& plans = schedule_.reductions[loop.result];
    bool is_known = std::any_of(plans.begin(), plans.end(), [&](const ReducePlan& plan) { return plan.tile == tile_; });
    if (is_known) return;
    int64_t results = copies_of(facts_.depends[loop.result]);
    // A sum in blocks keeps its outermost variable serial: no several chains over it.
    if (nest_ && nest_->block && nest_->block->sum == loop.result) results = std::max(results, kManyResults);
    ReducePlan plan = planner_.reduce(loop, vector_.has_value(), results);
    plan.tile = tile_;
    plan.held = held_operand(loop);
    plans.push_back(plan);
    if (plan.inner) {
      in_tiles(*plan.inner, [&] { block(loop.body); });
    } else {
      block(loop.body);
    }
  }

  // How many copies of a value a tile has.
  int64_t copies_of(const VariableSet& depends) const {
    int64_t copies = 1;
    for (const TileAxis& axis : tile_) copies *= depends[axis.variable] ? axis.copies : 1;
    return copies;
  }

  // One of a product's operands stays in registers while the other passes by: the one that needs fewer.  Where an
  // instruction splats its operand from memory, splat operands need none.
  std::optional<int> held_operand(const ReduceLoop& loop) const {
    const Compute* product = product_of(kernel_, facts_, loop);
    if (!product) return std::nullopt;
    const VariableSet& lhs = facts_.depends[product->operands[0]];
    const VariableSet& rhs = facts_.depends[product->operands[1]];
    if (vector_ && traits_.has_broadcast_operand && lhs[*vector_] != rhs[*vector_]) return lhs[*vector_] ? 0 : 1;
    return copies_of(lhs) < copies_of(rhs) ? 0 : 1;
  }

  void share_out() {
    const NestPlan* domain = schedule_.domain();
    if (!domain || domain->loops.empty() || domain->cycles <= traits_.parallel_cycles) return;
    ThreadPlan& threads = schedule_.threads;
    size_t level = 0;
    while (level + 1 < domain->loops.size() && domain->tasks(level) == 1) ++level;
    threads = {level, 1, domain->tasks(level), 1};
    if (threads.tasks < kOuterTasks && level + 1 < domain->loops.size()) {
      threads.levels = 2;
      threads.inner_tasks = domain->tasks(level + 1);
      threads.tasks *= threads.inner_tasks;
    }
    if (threads.tasks < 2) threads = {};
  }

  Schedule& schedule_;
  const Kernel& kernel_;
  const CpuTraits& traits_;
  KernelFacts facts_;
  Planner planner_;
  const NestPlan* nest_ = nullptr;       // around
  TileShape tile_;                       // around
  std::optional<VariableIndex> vector_;  // the variable of the loop around that fills the lanes
};

}  // namespace

Schedule plan(const Kernel& kernel, const CpuTraits& traits) {
  Schedule schedule{prepare(kernel), {}, {}, {}, {}, traits.max_interleaved};
  Scheduler(schedule, traits).run();
  return schedule;
}

}  // namespace tarn
