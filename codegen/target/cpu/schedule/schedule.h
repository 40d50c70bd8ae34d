// How a kernel runs on a CPU, as a value: which variable fills vector lanes, how many vectors and rows are in flight in
// registers, in which order the tiles come, what is copied beforehand, how sums are taken, and what threads share.
// Made by plan(), which knows no LLVM; followed by codegen/target/cpu/emit, which decides none of this.
//
// A tile is a set of iterations whose code is emitted side by side: `copies` values of a variable (rows, scalar), or
// `copies` vectors of `lanes` values.  A value that does not depend on a tiled variable is computed once for all its
// copies, so a matrix product in a tile of R rows by V vectors loads R scalars and V vectors for R*V multiply-adds.
//
// A schedule follows from the kernel's text and the traits alone, never from the thread count, so neither do the bits
// of a result (kernel.h, K3).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codegen/kernel/kernel.h"
#include "codegen/target/cpu/schedule/traits.h"

namespace tarn {

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
  ScalarIndex sum = 0;         // the result of the reduction
  int64_t size = 0;            // iterations of the outermost variable in one block
  std::vector<int64_t> group;  // tiles of each loop of the nest that are one group
  int64_t tiles = 0;           // in a whole group
  int64_t results = 0;         // in the largest tile
  int64_t result_bytes = 0;    // of the vector that holds one partial sum
};

// A perfect nest of `for` loops, outermost first in the order chosen.
struct NestPlan {
  std::vector<LoopPlan> loops;
  double cycles = 0;  // estimated, of one run
  std::optional<PackPlan> pack;
  std::optional<BlockPlan> block;

  // What one loop shares out among the threads: its groups, or its tiles.
  int64_t tasks(size_t level) const;
};

// The tiles around a place of the kernel, outermost first; loops that run value by value are left out.
struct TileAxis {
  VariableIndex variable = 0;
  int copies = 1;
  bool operator==(const TileAxis&) const = default;
};
using TileShape = std::vector<TileAxis>;

// How a reduction runs for all results of a tile side by side.
struct ReducePlan {
  TileShape tile;
  std::vector<VariableIndex> serial;  // outermost first
  std::optional<LoopPlan> inner;      // several accumulators for each result, combined at the end
  int unroll = 1;                     // of the innermost serial loop, where there is no inner
  // Sums of products: the operand (0 or 1) that stays in registers while the other passes by; results are taken in
  // this order.
  std::optional<int> held;
};

// What the threads share: the tiles (or groups of tiles) of one loop of the domain, or of two.  All loops before
// `first_level` have one tile.
struct ThreadPlan {
  size_t first_level = 0;
  int levels = 0;
  int64_t tasks = 0;        // 0: the kernel runs on one thread
  int64_t inner_tasks = 1;  // of the second loop
};

struct Schedule {
  Kernel kernel;  // in the form of codegen/kernel/prepare.h; all numbers of variables and scalars are its
  std::map<VariableIndex, NestPlan> nests;                    // by the variable of the outermost loop of the text
  std::map<ScalarIndex, std::vector<ReducePlan>> reductions;  // by the result: a plan for each tile that occurs
  ThreadPlan threads;
  // Of each scalar: worth registers throughout the loops that do not change it, even for each copy of a tile.
  std::vector<bool> is_slow;
  // Elements between lanes up to which a vector is made of whole vectors and shuffles, not gathered or scattered.
  int64_t max_interleaved = 0;

  bool is_interleaved(int64_t stride) const { return stride >= 2 && stride <= max_interleaved; }

  // The nest that all of the kernel but scalar code is; null where there is none.
  const NestPlan* domain() const;
  const ReducePlan& reduction(ScalarIndex result, const TileShape& tile) const;
};

Schedule plan(const Kernel& kernel, const CpuTraits& traits);

// In the manner of a kernel's text; docs/cpu.md explains the words.
std::string print(const Schedule& schedule);

}  // namespace tarn
