// What a target wants of the IR that it gets: questions of speed, never of meaning.  A target's record
// (codegen/target/target.h) says them, and the pipeline hands them to every pass.
//
// The defaults are those of a CPU with vectors and caches: the shares were found by measuring the examples' step times.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tarn {

struct TargetWishes {
  // layout: neighbours of a contract's result are computed in lanes, so the operand that has the last dimension of the
  // result has it last too, transposed into memory of its own where it must be.
  bool transposes_for_lanes = true;
  // layout: what a contract reads through zeros around it is stored with them, so that inner loops ask for no limits.
  bool stores_padded_operands = true;

  // sink_views: how many times as much work a product may be that reads through views instead of being viewed.  Zeros
  // cost: a stride of 2 in both directions spreads a cotangent over four times as many elements, a padding adds a border.
  double largest_growth = 5;

  // fuse: what writing a byte costs, in bytes read: a cache line is fetched before it is written, and evicted after.
  int64_t write_cost = 2;
  // fuse: how many ops a kernel may compute anew for one value that it would else read (0: none), and how many scalar
  // operations one of them may have, where a division or a function counts as `function_cost`.
  size_t most_recomputed_ops = 6;
  int cheap_operations = 3;
  int function_cost = 16;  // throughput of a vector division, or of a polynomial, in additions
};

}  // namespace tarn
