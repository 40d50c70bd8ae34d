// The order of a nest's tile loops, what is packed, and whether a long sum is cut into blocks: all for the caches.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "codegen/target/cpu/schedule/footprint.h"
#include "codegen/target/cpu/schedule/planner.h"

namespace tarn {

namespace {

constexpr size_t kMaxPermuted = 5;
constexpr double kFarBytes = 1024;    // rows of an operand this far apart have a cache set or a page each
constexpr int64_t kTilesOfPanel = 4;  // that must read a panel for its copy to pay
constexpr double kStepsOfBlock = 48;  // fewer would not hide loading and storing the partial sums
constexpr double kBlockWins = 0.15;   // of the nest's cycles, that blocks must save

}  // namespace

class LoopOrder {
 public:
  LoopOrder(const Planner& planner, const PerfectNest& nest, const Planner::Tile& tile)
      : planner_(planner), nest_(nest), tile_(tile) {
    for (const Statement& statement : *nest.body) {
      const ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node);
      if (!loop) continue;
      reduce_ = reductions_++ == 0 ? loop : nullptr;
      summed_.insert(summed_.end(), loop->variables.begin(), loop->variables.end());
      for (Operand& operand : operands_of(planner.kernel_, *loop)) operands_.push_back(std::move(operand));
    }
    for (const Statement& statement : *nest.body) {
      const Load* load = std::get_if<Load>(&statement.node);
      const Store* store = std::get_if<Store>(&statement.node);
      if (!load && !store) continue;
      const Access& access = load ? load->access : store->access;
      if (is_simple(access)) streams_.push_back(operand_of(planner.kernel_, access));
    }
  }

  void run(NestPlan& plan) {
    std::vector<LoopPlan> movable;
    for (size_t i = 0; i < nest_.variables.size(); ++i) {
      VariableIndex variable = nest_.variables[i];
      int lanes = tile_.vector.lanes > 1 && tile_.vector.variable == variable ? tile_.vector.lanes : 1;
      LoopPlan loop{variable, lanes, split(planner_.extent(variable), lanes, tile_.copies[i], true)};
      (loop.tasks() > 1 ? movable : plan.loops).push_back(std::move(loop));
    }
    size_t fixed = movable.size() > kMaxPermuted ? movable.size() - kMaxPermuted : 0;
    std::vector<size_t> order(movable.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::vector<size_t> best = order;
    double least = HUGE_VAL;
    do {
      std::vector<LoopPlan> ordered;
      for (size_t i : order) ordered.push_back(movable[i]);
      double cycles = cache_cycles(ordered);
      if (cycles < least * 0.999) {  // of equals, the order of the kernel's text
        least = cycles;
        best = order;
      }
    } while (std::next_permutation(order.begin() + static_cast<std::ptrdiff_t>(fixed), order.end()));
    std::vector<LoopPlan> single = std::move(plan.loops);
    plan.loops.clear();
    for (size_t i : best) plan.loops.push_back(movable[i]);
    for (LoopPlan& loop : single) insert_single(plan, std::move(loop));
    choose_pack(plan);
    if (!plan.pack) choose_block(plan);
  }

 private:
  // Iterations of a variable in one tile.
  int64_t in_tile(const LoopPlan& loop) const {
    int copies = 0;
    for (const Segment& segment : loop.segments) copies = std::max(copies, segment.copies);
    return std::min<int64_t>(planner_.extent(loop.variable), int64_t{copies} * loop.lanes);
  }

  bool is_summed(VariableIndex variable) const {
    return std::find(summed_.begin(), summed_.end(), variable) != summed_.end();
  }

  // Bytes of an operand while each loop covers `tiles` tiles, and the reduction `depth` of its first variable.
  double bytes(const Operand& operand, const std::vector<LoopPlan>& loops, const std::vector<int64_t>& tiles,
               int64_t depth) const {
    return operand.bytes([&](VariableIndex variable) -> int64_t {
      for (size_t i = 0; i < loops.size(); ++i) {
        if (loops[i].variable == variable) {
          return std::min<int64_t>(planner_.extent(variable), tiles[i] * in_tile(loops[i]));
        }
      }
      if (reduce_ && !reduce_->variables.empty() && variable == reduce_->variables[0]) return depth;
      if (is_summed(variable)) return planner_.extent(variable);
      for (size_t i = 0; i < nest_.variables.size(); ++i) {
        if (nest_.variables[i] == variable) return planner_.extent(variable);  // one tile
      }
      return 1;
    });
  }

  // A loop of one tile comes as soon as all is known that a vector operand over it depends on: a panel of this operand
  // is then packed once for all loops inside.
  void insert_single(NestPlan& plan, LoopPlan loop) const {
    size_t place = plan.loops.size();
    for (const Operand& operand : operands_) {
      if (tile_.vector.lanes == 1 || !operand.depends_on(tile_.vector.variable)) continue;
      if (!operand.depends_on(loop.variable)) continue;
      place = 0;
      for (size_t i = 0; i < plan.loops.size(); ++i) {
        if (operand.depends_on(plan.loops[i].variable)) place = i + 1;
      }
    }
    plan.loops.insert(plan.loops.begin() + static_cast<std::ptrdiff_t>(place), std::move(loop));
  }

  int64_t full_depth() const {
    return reduce_ && !reduce_->variables.empty() ? planner_.extent(reduce_->variables[0]) : 1;
  }

  // What all tiles read and store takes, from the level-2 cache and beyond.
  double cache_cycles(const std::vector<LoopPlan>& loops) const {
    double cycles = traffic(loops) / planner_.target_.level_two_bytes_per_cycle + far_cycles(loops);
    for (const Operand& stream : streams_) cycles += jump_cycles(stream, loops);
    return cycles;
  }

  // Bytes that all tiles read, where an operand is kept through the inner loops that it does not depend on.
  double traffic(const std::vector<LoopPlan>& loops) const {
    std::vector<int64_t> one(loops.size(), 1);
    double sum = 0;
    for (const Operand& operand : operands_) {
      double tiles = 1, reads = 1;
      for (const LoopPlan& loop : loops) {
        tiles *= static_cast<double>(loop.tasks());
        if (operand.depends_on(loop.variable)) reads = tiles;
      }
      double cost = bytes(operand, loops, one, full_depth());
      if (tile_.packed == operand.scalar) cost *= 6;  // copying costs more than reading
      sum += reads * cost;
    }
    return sum;
  }

  // What stands beside the sum comes from far memory, once.  Where the innermost loop jumps from page to page, no
  // prefetcher follows.
  double jump_cycles(const Operand& stream, const std::vector<LoopPlan>& loops) const {
    if (loops.empty()) return 0;
    const LoopPlan& inner = loops.back();
    double jump = 0, all = static_cast<double>(stream.element_bytes);
    for (const auto& term : stream.terms) {
      if (term.variable == inner.variable) {
        jump = static_cast<double>(std::abs(term.coefficient) * in_tile(inner) * stream.element_bytes);
      }
      all *= static_cast<double>(planner_.extent(term.variable));
    }
    return jump < kFarBytes ? 0 : planner_.target_.jump_byte * all;
  }

  void choose_pack(NestPlan& plan) const {
    if (!reduce_ || reduce_->kind != ReduceKind::Sum || tile_.vector.lanes == 1) return;
    for (const Operand& operand : operands_) {
      if (!operand.depends_on(tile_.vector.variable)) continue;
      if (tile_.packed && *tile_.packed != operand.scalar) continue;
      PackPlan pack{operand.scalar, reduce_->variables, 0, operand.element_bytes * tile_.vector.lanes};
      int64_t tiles_inside = 1;
      for (size_t level = 0; level < plan.loops.size(); ++level) {
        const LoopPlan& loop = plan.loops[level];
        tiles_inside *= loop.tasks();
        if (!operand.depends_on(loop.variable)) continue;
        pack.level = level;
        pack.bytes *= divide_up(in_tile(loop), loop.lanes);
        tiles_inside = 1;
      }
      for (VariableIndex variable : reduce_->variables) pack.bytes *= planner_.extent(variable);
      if (tile_.packed || is_far(operand, pack, tiles_inside)) {
        plan.pack = pack;
        return;
      }
    }
  }

  // Rows of the operand are far apart where the matrix is wide: a panel of it then has a page or a cache set for each
  // row. Worth a copy where many row tiles read it and it does not stay in the level-1 cache anyway.
  bool is_far(const Operand& operand, const PackPlan& pack, int64_t tiles_inside) const {
    if (tiles_inside < kTilesOfPanel || pack.bytes < planner_.target_.panel_bytes() / 2 || pack.bytes > kPackedBytes)
      return false;
    if (planner_.kernel_.scalars[operand.scalar] == DType::Bool || reduce_->variables.size() != 1) return false;
    for (const auto& term : operand.terms) {
      bool is_far_row = static_cast<double>(std::abs(term.coefficient) * operand.element_bytes) >= kFarBytes;
      if (term.variable == tile_.vector.variable && term.coefficient != 1) return false;
      if (term.variable == reduce_->variables[0] && !is_far_row) return false;
    }
    return true;
  }

  // --- blocks ---

  double level_three_cycles(const NestPlan& plan, const std::vector<int64_t>& group, int64_t depth) const {
    double groups = std::ceil(static_cast<double>(full_depth()) / static_cast<double>(depth));
    for (size_t i = 0; i < group.size(); ++i) groups *= static_cast<double>(divide_up(plan.loops[i].tasks(), group[i]));
    double bytes_of_group = 0;
    for (const Operand& operand : operands_) bytes_of_group += bytes(operand, plan.loops, group, depth);
    return groups * bytes_of_group / planner_.target_.level_three_bytes_per_cycle;
  }

  // Without blocks: whole inner loops stay in the level-2 cache.
  double far_cycles(const std::vector<LoopPlan>& loops) const {
    std::vector<int64_t> tiles(loops.size(), 1);
    size_t level = loops.size();
    for (; level > 0; --level) {
      tiles[level - 1] = loops[level - 1].tasks();
      double sum = 0;
      for (const Operand& operand : operands_) sum += bytes(operand, loops, tiles, full_depth());
      if (sum > planner_.target_.kept_bytes()) break;
    }
    if (level == 0) return 0;
    tiles[level - 1] = 1;
    double cycles = 0;
    for (const Operand& operand : operands_) {
      double repeats = 1, reads = 1;
      for (size_t i = 0; i < level; ++i) {
        repeats *= static_cast<double>(loops[i].tasks());
        if (operand.depends_on(loops[i].variable)) reads = repeats;
      }
      // Nothing is kept from one tile to the next where one tile alone fills the cache.
      if (level == loops.size()) reads = repeats;
      cycles += reads * bytes(operand, loops, tiles, full_depth()) / planner_.target_.level_three_bytes_per_cycle;
    }
    return cycles;
  }

  void choose_block(NestPlan& plan) {
    if (!reduce_ || reduce_->kind != ReduceKind::Sum || reduce_->variables.empty()) return;
    if (!is_float(planner_.kernel_.scalars[reduce_->yield])) return;
    Planner::Lanes lanes = tile_.vector;
    if (lanes.lanes == 1) {
      double cycles = 0;
      std::optional<VariableIndex> own = planner_.choose_vector(*reduce_, &cycles);
      if (!own || *own == reduce_->variables[0]) return;
      lanes = {*own, planner_.lanes_for(*own)};
    }
    steps_ = 1;
    for (VariableIndex variable : reduce_->variables) {
      int64_t extent = planner_.extent(variable);
      steps_ *= static_cast<double>(variable == lanes.variable ? divide_up(extent, lanes.lanes) : extent);
    }
    results_ = 1;
    for (int copies : tile_.copies) results_ *= copies;
    if (results_ < kManyResults) return;
    result_bytes_ = lanes.lanes * dtype_bytes(planner_.kernel_.scalars[reduce_->yield]);
    double without = far_cycles(plan.loops);
    if (without < kBlockWins * plan.cycles) return;
    best_ = HUGE_VAL;
    int64_t most = std::min(full_depth() - 1, most_in_sets());
    for (int64_t size = 1; size <= most; size *= 2) {
      double steps = steps_ / static_cast<double>(full_depth()) * static_cast<double>(size);
      if (steps < kStepsOfBlock) continue;
      std::vector<int64_t> group(plan.loops.size(), 1);
      try_groups(plan, group, 0, 1, size);
    }
    if (best_ + kBlockWins * plan.cycles < without) plan.block = block_;
  }

  // Iterations of the outermost summed variable that fit the sets of the level-2 cache: where its stride is a multiple
  // of a power of two, few sets hold what all of them read at the same place.
  int64_t most_in_sets() const {
    int64_t most = INT64_MAX, period = planner_.target_.level_two_period();
    for (const Operand& operand : operands_) {
      for (const auto& term : operand.terms) {
        if (term.variable != reduce_->variables[0]) continue;
        int64_t stride = std::abs(term.coefficient) * operand.element_bytes;
        most = std::min(most, planner_.target_.ways_of_walk() * (period / std::gcd(stride, period)));
      }
    }
    return most;
  }

  void try_groups(const NestPlan& plan, std::vector<int64_t>& group, size_t level, int64_t tiles, int64_t size) {
    if (tiles * results_ * result_bytes_ > kPartialBytes) return;
    if (level < plan.loops.size()) {
      int64_t tasks = plan.loops[level].tasks();
      for (int64_t count = 1; count < tasks; count += std::max<int64_t>(1, count / 3)) {
        group[level] = count;
        try_groups(plan, group, level + 1, tiles * count, size);
      }
      group[level] = tasks;
      try_groups(plan, group, level + 1, tiles * tasks, size);
      return;
    }
    double blocks = std::ceil(static_cast<double>(full_depth()) / static_cast<double>(size));
    double all_tiles = 1;
    for (const LoopPlan& loop : plan.loops) all_tiles *= static_cast<double>(loop.tasks());
    double sums = blocks * all_tiles * (20 + 1.5 * static_cast<double>(results_));
    double bytes_of_group = 0;
    for (const Operand& operand : operands_) bytes_of_group += bytes(operand, plan.loops, group, size);
    if (bytes_of_group > planner_.target_.kept_bytes()) return;
    double cycles = sums + level_three_cycles(plan, group, size);
    if (cycles >= best_) return;
    best_ = cycles;
    block_ = {reduce_->result, size, group, tiles, results_, result_bytes_};
  }

  const Planner& planner_;
  const PerfectNest& nest_;
  const Planner::Tile& tile_;
  const ReduceLoop* reduce_ = nullptr;  // the only one, if so
  int reductions_ = 0;
  std::vector<VariableIndex> summed_;
  std::vector<Operand> operands_;
  std::vector<Operand> streams_;  // what is loaded and stored beside the reduction
  double steps_ = 1;
  int64_t results_ = 1;
  int64_t result_bytes_ = 0;
  double best_ = HUGE_VAL;
  BlockPlan block_;
};

void Planner::tile_reductions(NestPlan& plan, const PerfectNest& nest) const {
  Tile tile = choose_tile(nest);
  plan.cycles = tile.cycles;
  LoopOrder(*this, nest, tile).run(plan);
}

}  // namespace tarn
