// Decides how each loop of a kernel runs: which variable fills vector lanes, how many vectors and rows are in flight in
// registers, and in which order the tiles come.
//
// A tile is a set of iterations whose code is emitted side by side: `copies` values of a variable (rows, scalar), or
// `copies` vectors of `lanes` values.  A value that does not depend on a tiled variable is computed once for all its
// copies, so a matrix product in a tile of R rows by V vectors loads R scalars and V vectors for R*V multiply-adds.
#pragma once

#include <cmath>
#include <optional>
#include <vector>

#include "codegen/kernel/facts.h"
#include "codegen/target/cpu/schedule/traits.h"

namespace tarn {

constexpr double kHorizontal = 10;  // cycles to combine the lanes of one vector

inline int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// `iterations` tiles of `copies` groups of `lanes` values each, from `start`; the very last group has `last_lanes`.
struct Segment {
  int64_t start = 0;
  int64_t iterations = 0;
  int copies = 1;
  int last_lanes = 1;
};

struct LoopPlan {
  VariableIndex variable = 0;
  int lanes = 1;  // > 1: vectors
  std::vector<Segment> segments;

  int64_t tasks() const;  // tiles over all segments
};

// An operand of a product that is copied to where the vectors of one tile are contiguous, for all steps of the
// reduction; the tiles of all loops inside `level` then read the copy.
struct PackPlan {
  ScalarIndex operand = 0;
  std::vector<VariableIndex> depth;  // the reduction's variables
  size_t level = 0;                  // the innermost loop that the operand depends on
  int64_t bytes = 0;                 // of the largest copy
};

// A long sum cut into blocks of its outermost variable, so that what one block reads stays in the level-2 cache.  For
// a group of tiles at a time, partial sums lie in memory: each tile adds its sum over the block to them.
struct BlockPlan {
  const ReduceLoop* loop = nullptr;
  int64_t size = 0;            // iterations of the outermost variable in one block
  std::vector<int64_t> group;  // tiles of each loop of the nest that are one group
  int64_t tiles = 0;           // in a whole group
  int64_t results = 0;         // in the largest tile
  int64_t result_bytes = 0;    // of the vector that holds one partial sum
};

// A perfect nest of `for` loops, outermost first in the order chosen.
struct NestPlan {
  std::vector<LoopPlan> loops;
  const Block* body = nullptr;
  double cycles = 0;
  std::optional<PackPlan> pack;
  std::optional<BlockPlan> block;

  // What one loop shares out among the threads: its groups, or its tiles.
  int64_t tasks(size_t level) const;
};

// Results side by side from which latency is hidden without several accumulators for each.
constexpr int64_t kManyResults = 8;

// Elements between lanes up to which vectors are taken apart and put together in registers.
constexpr int64_t kMaxInterleaved = 4;

struct ReducePlan {
  std::vector<VariableIndex> serial;  // outermost first
  std::optional<LoopPlan> inner;      // several accumulators for each result, combined at the end
  int unroll = 1;                     // of the innermost serial loop, where there is no inner
};

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
  // Estimated cycles of one run of a block, outside vectors.
  double cycles(const Block& block) const { return block_cycles(block, {}); }

 private:
  friend class TileSearch;
  friend class LoopOrder;
  struct Lanes {  // the vector variable, or lanes == 1
    VariableIndex variable = 0;
    int lanes = 1;
  };
  struct Nest {
    std::vector<VariableIndex> variables;
    const Block* body;
  };
  // How many copies of each variable of a nest are in flight.
  struct Tile {
    Lanes vector;             // lanes == 1: the reductions fill the lanes, if anything
    std::vector<int> copies;  // of nest.variables; of the vector variable, in vectors
    std::optional<ScalarIndex> packed;
    double cycles = HUGE_VAL;  // of the whole nest
  };

  Nest collect_nest(const ForLoop& loop) const;
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
  std::optional<VariableIndex> choose_vector(const Nest& nest, double* best) const;
  std::optional<VariableIndex> choose_vector(const ReduceLoop& loop, double* best) const;
  Tile choose_tile(const Nest& nest) const;
  void tile_reductions(NestPlan& plan, const Nest& nest) const;
  std::optional<VariableIndex> transposed_rows(const Nest& nest, VariableIndex columns) const;
  std::optional<VariableIndex> interleaved_rows(const Nest& nest, VariableIndex columns) const;
  std::optional<VariableIndex> interleaved_by(const Access& access, VariableIndex columns) const;
  void tile_columns(NestPlan& plan, const Nest& nest, VariableIndex columns) const;

  const Kernel& kernel_;
  const KernelFacts& facts_;
  const CpuTraits& target_;
};

}  // namespace tarn
