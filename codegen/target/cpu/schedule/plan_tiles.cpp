// Register tiles for nests whose body reduces: which variable fills the lanes, and how many copies of each variable of
// the nest are in flight.  See docs/cpu.md for the reasoning.
//
// A tile reads each operand once for each distinct copy: an operand that lacks a variable is shared by all copies of
// it.  The search tries every vector variable (or none: then each reduction fills the lanes with its own and adds them
// up at the end) and every product of copies that fits the registers, and takes the fewest estimated cycles.
#include <algorithm>
#include <cmath>

#include "codegen/target/cpu/schedule/footprint.h"
#include "codegen/target/cpu/schedule/planner.h"

namespace tarn {

namespace {

constexpr int kMaxVectors = 8;
constexpr int64_t kMaxBodies = 6;  // copies of the body's code, for tiles of different sizes

}  // namespace

class TileSearch {
 public:
  TileSearch(const Planner& planner, const PerfectNest& nest)
      : planner_(planner), nest_(nest), kernel_(planner.kernel_), facts_(planner.facts_), target_(planner.target_) {}

  Planner::Tile run() {
    consider({}, false);
    for (VariableIndex variable : nest_.variables) {
      if (planner_.extent(variable) < 2) continue;
      consider({variable, planner_.lanes_for(variable)}, false);
      consider({variable, planner_.lanes_for(variable)}, true);
    }
    return best_;
  }

 private:
  struct Cost {
    double arithmetic = 0, loads = 0, instructions = 0;
  };
  // Work that a tile repeats for each distinct copy of what it depends on.
  struct Item {
    VariableSet depends;
    Cost cost;
    bool is_load = false;
  };
  struct Reduction {
    VariableSet results;
    double steps = 1;
    bool is_dot = false;
    bool is_product = false;
    int accumulators = 1;
    double combine = 0;  // cycles of one result in one step
    std::vector<Item> items;
    std::vector<Operand> operands;
    std::vector<VariableSet> vectors;  // dependences of the operands that are vectors
    std::vector<VariableIndex> variables;
  };

  void consider(Planner::Lanes vector, bool packs) {
    vector_ = vector;
    packed_.reset();
    if (packs) packed_ = packable();
    if (packs && !packed_) return;
    reductions_.clear();
    for (const Statement& statement : *nest_.body) {
      if (const ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) describe(*loop);
    }
    tile_ = {vector, std::vector<int>(nest_.variables.size(), 1), packed_, 0};
    enumerate(0, 30);
  }

  void describe(const ReduceLoop& loop) {
    Reduction made;
    made.results = facts_.depends[loop.result];
    made.variables = loop.variables;
    Planner::Lanes lanes = vector_;
    if (vector_.lanes == 1 && !loop.variables.empty()) {
      double cycles = 0;
      std::optional<VariableIndex> own = planner_.choose_vector(loop, &cycles);
      if (own) lanes = {*own, planner_.lanes_for(*own)};
      made.is_dot = own.has_value();
    }
    for (VariableIndex variable : loop.variables) {
      int64_t extent = planner_.extent(variable);
      bool is_vector = made.is_dot && variable == lanes.variable;
      made.steps *= static_cast<double>(is_vector ? divide_up(extent, lanes.lanes) : extent);
    }
    made.operands = operands_of(kernel_, loop);
    made.accumulators = loop.kind == ReduceKind::ArgMax ? 2 : 1;
    const Compute* product = std::get_if<Compute>(&facts_.definition[loop.yield]->node);
    made.is_product = loop.kind == ReduceKind::Sum && product && product->op == ScalarOp::Mul;
    int instructions = made.is_product && !target_.has_fma ? 2 : made.accumulators;
    made.combine = instructions * target_.arithmetic_cycles(lanes.lanes > 1 ? target_.vector_bytes : 0);
    VariableSet summed;
    for (VariableIndex variable : loop.variables) summed.set(variable);
    for (const Statement& statement : loop.body) {
      if (made.is_product && result_of(statement) == loop.yield) continue;
      std::optional<ScalarIndex> result = result_of(statement);
      if (!result || (facts_.depends[*result] & summed).none()) continue;
      made.items.push_back(item_of(statement, *result, lanes));
      const Load* load = std::get_if<Load>(&statement.node);
      if (load && lanes.lanes > 1 && facts_.depends[*result][lanes.variable]) {
        made.vectors.push_back(facts_.depends[*result]);
      }
    }
    reductions_.push_back(std::move(made));
  }

  Item item_of(const Statement& statement, ScalarIndex result, const Planner::Lanes& lanes) const {
    Item item{facts_.depends[result], {}, false};
    if (const Load* load = std::get_if<Load>(&statement.node)) {
      item.is_load = true;
      item.cost.loads = load_cycles(*load, lanes);
      if (!is_simple(load->access)) item.cost.arithmetic = target_.guard;
    } else if (!std::holds_alternative<Constant>(statement.node)) {
      item.cost.arithmetic = planner_.statement_cycles(statement, lanes);
      item.cost.instructions = item.cost.arithmetic * 2;
    }
    return item;
  }

  double load_cycles(const Load& load, const Planner::Lanes& lanes) const {
    int64_t size = dtype_bytes(kernel_.scalars[load.result]);
    double whole = target_.load_cycles(static_cast<double>(lanes.lanes * size));
    if (packed_ == load.result) return whole;
    if (!is_simple(load.access)) return planner_.access_cycles(load.access, lanes, false);
    FlatAddress address = flat_address(kernel_, load.access);
    if (lanes.lanes == 1 || address.stride(lanes.variable) != 1 || lanes.lanes * size < 64) {
      return planner_.access_cycles(load.access, lanes, false);
    }
    // A vector as long as a line lies across two of them unless it is aligned.
    bool is_aligned = address.offset * size % 64 == 0;
    for (const auto& loaded : address.loaded) is_aligned &= loaded.coefficient * size % 64 == 0;
    for (const auto& term : address.terms) {
      if (term.variable != lanes.variable) is_aligned &= term.coefficient * size % 64 == 0;
    }
    return is_aligned ? whole : 2 * whole;
  }

  // An operand that is strided along the lanes but is shared by other tiles: a copy makes its vectors contiguous.
  std::optional<ScalarIndex> packable() const {
    if (vector_.lanes < 4) return std::nullopt;
    std::optional<ScalarIndex> found;
    for (const Statement& statement : *nest_.body) {
      const ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node);
      if (!loop) continue;
      if (found || loop->kind != ReduceKind::Sum) return std::nullopt;
      for (const Statement& inner : loop->body) {
        const Load* load = std::get_if<Load>(&inner.node);
        if (!load || !is_simple(load->access) || has_loaded_index(load->access)) continue;
        if (kernel_.scalars[load->result] == DType::Bool) continue;
        int64_t stride = flat_address(kernel_, load->access).stride(vector_.variable);
        if (stride == 0 || stride == 1) continue;
        if (found) return std::nullopt;
        found = load->result;
      }
    }
    return found;
  }

  void enumerate(size_t index, int budget) {
    if (index == nest_.variables.size()) return judge();
    bool is_vector = vector_.lanes > 1 && nest_.variables[index] == vector_.variable;
    int64_t groups = groups_along(index);
    for (int copies = 1;
         copies <= std::min<int64_t>({budget, std::max<int64_t>(groups, 1), is_vector ? kMaxVectors : 30}); ++copies) {
      // Equal tiles: only sizes that some division has.
      if (groups > 0 && divide_up(groups, divide_up(groups, copies)) != copies) continue;
      tile_.copies[index] = copies;
      enumerate(index + 1, budget / copies);
    }
    tile_.copies[index] = 1;
  }

  int64_t groups_along(size_t index) const {
    bool is_vector = vector_.lanes > 1 && nest_.variables[index] == vector_.variable;
    return divide_up(planner_.extent(nest_.variables[index]), is_vector ? vector_.lanes : 1);
  }

  int distinct(const VariableSet& depends) const {
    int count = 1;
    for (size_t i = 0; i < nest_.variables.size(); ++i) {
      if (depends[nest_.variables[i]]) count *= tile_.copies[i];
    }
    return count;
  }

  bool fits_registers() const {
    int accumulators = 0, temporaries = 0;
    for (const Reduction& reduction : reductions_) {
      accumulators += distinct(reduction.results) * reduction.accumulators;
      int held = reduction.vectors.empty() ? 0 : 1 << 20;
      for (const VariableSet& vector : reduction.vectors) {
        held = reduction.is_dot ? std::min(held, distinct(vector)) : std::max(held % (1 << 20), distinct(vector));
      }
      temporaries = std::max(temporaries, held + 1);
    }
    if (!target_.has_fma) ++temporaries;
    int available = target_.vector_registers == 32 ? 31 : 16;  // llvm#212375: spills at exactly 32 live vectors
    return accumulators + temporaries <= available || accumulators == static_cast<int>(reductions_.size());
  }

  int64_t extent_in_tile(VariableIndex variable, const Reduction& reduction) const {
    for (size_t i = 0; i < nest_.variables.size(); ++i) {
      if (nest_.variables[i] != variable) continue;
      bool is_vector = vector_.lanes > 1 && variable == vector_.variable;
      int64_t lanes = is_vector ? vector_.lanes : 1;
      return std::min(planner_.extent(variable), tile_.copies[i] * lanes);
    }
    bool is_summed =
        std::find(reduction.variables.begin(), reduction.variables.end(), variable) != reduction.variables.end();
    return is_summed ? planner_.extent(variable) : 1;
  }

  double reduction_cycles(const Reduction& reduction) const {
    int results = distinct(reduction.results);
    Cost step{results * reduction.combine, 0, results * (reduction.is_product && !target_.has_fma ? 2.0 : 1.0)};
    for (const Item& item : reduction.items) {
      int count = distinct(item.depends);
      step.arithmetic += count * item.cost.arithmetic;
      step.loads += count * item.cost.loads;
      // What is used once is read by the instruction that uses it.
      step.instructions += count * (item.is_load ? (count < results ? 1 : 0) : item.cost.instructions);
    }
    double far_bytes = 0;
    for (const Operand& operand : reduction.operands) {
      double bytes = operand.bytes([&](VariableIndex v) { return extent_in_tile(v, reduction); });
      if (bytes > target_.panel_bytes()) far_bytes += bytes;
    }
    double latency = target_.fma_latency / (reduction.is_dot ? chains_for(results) : 1);
    double far_loads = far_bytes / std::max(reduction.steps, 1.0) / target_.level_two_bytes_per_cycle;
    double cycles =
        std::max({step.arithmetic, step.loads, step.instructions / target_.instructions_per_cycle, latency, far_loads});
    // What hides behind the slowest is not quite free.
    cycles += 0.15 * step.loads + 0.25 * far_loads;
    return reduction.steps * cycles + results * (reduction.is_dot ? target_.horizontal : 1);
  }

  double epilogue_cycles() const {
    double cycles = 0;
    for (const Statement& statement : *nest_.body) {
      if (std::holds_alternative<ReduceLoop>(statement.node)) continue;
      std::optional<ScalarIndex> result = result_of(statement);
      const Store* store = std::get_if<Store>(&statement.node);
      VariableSet depends = store ? variables_of(store->access) : result ? facts_.depends[*result] : VariableSet();
      cycles += distinct(depends) * planner_.statement_cycles(statement, vector_);
    }
    return cycles;
  }

  // Each operand that is packed, once for each tile of the variables that it depends on.
  double pack_cycles() const {
    if (!packed_) return 0;
    double cycles = target_.transposed_lane;
    for (size_t i = 0; i < nest_.variables.size(); ++i) {
      if (facts_.depends[*packed_][nest_.variables[i]])
        cycles *= static_cast<double>(planner_.extent(nest_.variables[i]));
    }
    return cycles * reductions_[0].steps;
  }

  // Copies of a variable that every operand depends on share nothing: a few hide latency, more only cost registers.
  bool is_idle_large() const {
    for (const Reduction& reduction : reductions_) {
      if (distinct(reduction.results) <= 8) continue;
      for (size_t i = 0; i < nest_.variables.size(); ++i) {
        if (tile_.copies[i] == 1) continue;
        bool shares = std::any_of(reduction.items.begin(), reduction.items.end(),
                                  [&](const Item& item) { return item.is_load && !item.depends[nest_.variables[i]]; });
        if (!shares) return true;
      }
    }
    return false;
  }

  bool may_pack() const {
    if (!packed_) return true;
    double bytes = reductions_[0].steps * distinct(facts_.depends[*packed_]) * vector_.lanes *
                   static_cast<double>(dtype_bytes(kernel_.scalars[*packed_]));
    return bytes <= static_cast<double>(kPackedBytes);
  }

  void judge() {
    if (!fits_registers() || !may_pack() || is_idle_large()) return;
    double tiles = 1, fill = 1;
    int64_t bodies = 1;
    for (size_t i = 0; i < nest_.variables.size(); ++i) {
      int64_t groups = groups_along(i), count = divide_up(groups, tile_.copies[i]);
      bool is_vector = vector_.lanes > 1 && nest_.variables[i] == vector_.variable;
      bool has_tail = is_vector && planner_.extent(nest_.variables[i]) % vector_.lanes != 0 && count > 1;
      bodies *= 1 + (count > 0 && groups % count != 0 ? 1 : 0) + (has_tail ? 1 : 0);
      tiles *= static_cast<double>(count);
      if (count > 0) fill *= static_cast<double>(groups) / static_cast<double>(count * tile_.copies[i]);
    }
    if (bodies > kMaxBodies) return;
    double tile_cycles = 15 + epilogue_cycles();
    for (const Reduction& reduction : reductions_) tile_cycles += reduction_cycles(reduction);
    // The smaller tiles are a little faster.
    double cycles = tiles * tile_cycles * (0.5 + 0.5 * fill) + pack_cycles();
    if (cycles >= best_.cycles) return;
    best_ = tile_;
    best_.cycles = cycles;
  }

  const Planner& planner_;
  const PerfectNest& nest_;
  const Kernel& kernel_;
  const KernelFacts& facts_;
  const CpuTraits& target_;
  Planner::Lanes vector_;
  std::optional<ScalarIndex> packed_;
  std::vector<Reduction> reductions_;
  Planner::Tile tile_, best_;
};

Planner::Tile Planner::choose_tile(const PerfectNest& nest) const {
  return TileSearch(*this, nest).run();
}

}  // namespace tarn
