// Decides how one nest, or one reduction, runs; plan() (schedule.h) asks it for every one of a kernel.
#pragma once

#include <cmath>
#include <optional>
#include <vector>

#include "codegen/kernel/facts.h"
#include "codegen/target/cpu/schedule/schedule.h"
#include "codegen/target/cpu/schedule/traits.h"

namespace tarn {

// Results side by side from which latency is hidden without several accumulators for each.
constexpr int64_t kManyResults = 8;

// Accumulators for each of so many results.
inline int chains_for(int64_t results) {
  return results >= kManyResults ? 1 : results >= 4 ? 2 : 4;
}

// Tiles of `copies` groups of `lanes` over `extent`.  `equal`: tile sizes differ by one at most.
std::vector<Segment> split(int64_t extent, int lanes, int copies, bool equal);

class Planner {
 public:
  Planner(const Kernel& kernel, const KernelFacts& facts, const CpuTraits& target)
      : kernel_(kernel), facts_(facts), target_(target) {}

  // `in_vector`: an enclosing loop fills the lanes already.
  NestPlan nest(const ForLoop& loop, bool in_vector) const;
  // `results`: how many results are reduced side by side.
  ReducePlan reduce(const ReduceLoop& loop, bool in_vector, int64_t results) const;

 private:
  friend class TileSearch;
  friend class LoopOrder;
  struct Lanes {  // the vector variable, or lanes == 1
    VariableIndex variable = 0;
    int lanes = 1;
  };
  // How many copies of each variable of a nest are in flight.
  struct Tile {
    Lanes vector;             // lanes == 1: the reductions fill the lanes, if anything
    std::vector<int> copies;  // of nest.variables; of the vector variable, in vectors
    std::optional<ScalarIndex> packed;
    double cycles = HUGE_VAL;  // of the whole nest
  };

  bool holds_loop(const Block& block) const;
  int lanes_for(VariableIndex variable) const;
  int64_t extent(VariableIndex variable) const { return kernel_.variables[variable].extent; }
  bool varies(ScalarIndex scalar, const Lanes& lanes) const {
    return lanes.lanes > 1 && facts_.depends[scalar][lanes.variable];
  }
  double block_cycles(const Block& block, const Lanes& lanes) const;
  double statement_cycles(const Statement& statement, const Lanes& lanes) const;
  double access_cycles(const Access& access, const Lanes& lanes, bool is_store) const;
  double compute_cycles(const Compute& node, const Lanes& lanes) const;
  double reduce_cycles(const ReduceLoop& loop, const Lanes& lanes) const;
  double for_cycles(const ForLoop& loop, const Lanes& lanes) const;
  // How often the body of loops over these variables runs.
  double steps_of(const std::vector<VariableIndex>& variables) const;
  // What loops cost beside their bodies.
  struct Overhead {
    double scalar_step = 0, vector_step = 0;
    double at_end = 0;  // of loops in vectors
  };
  std::optional<VariableIndex> choose_vector(const std::vector<VariableIndex>& variables, const Block& body,
                                             const Overhead& overhead, double* best) const;
  std::optional<VariableIndex> choose_vector(const PerfectNest& nest, double* best) const;
  std::optional<VariableIndex> choose_vector(const ReduceLoop& loop, double* best) const;
  Tile choose_tile(const PerfectNest& nest) const;
  void tile_reductions(NestPlan& plan, const PerfectNest& nest) const;
  std::optional<VariableIndex> transposed_rows(const PerfectNest& nest, VariableIndex columns) const;
  std::optional<VariableIndex> interleaved_rows(const PerfectNest& nest, VariableIndex columns) const;
  std::optional<VariableIndex> interleaved_by(const Access& access, VariableIndex columns) const;
  void tile_columns(NestPlan& plan, const PerfectNest& nest, VariableIndex columns) const;

  const Kernel& kernel_;
  const KernelFacts& facts_;
  const CpuTraits& target_;
};

}  // namespace tarn
