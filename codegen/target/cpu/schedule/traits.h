// What a schedule must know of a processor, as data: one record a processor, in a table (traits.cpp).
//
// Costs are estimates in cycles of one core.  They rank choices that differ by factors; they do not predict.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tarn {

struct CacheTraits {
  int64_t bytes = 0;  // of one core
  int ways = 1;
};

struct CpuTraits {
  std::string name;   // of --cpu
  std::string level;  // what the code needs to run: "x86-64", "x86-64-v3", "x86-64-v4"
  std::string tune;   // LLVM processor whose timings to assume; "" for none

  // --- registers and instructions
  int vector_bytes = 16;  // of one register
  int vector_registers = 16;
  bool has_fma = false;                // else llvm.fma is a call of fmaf
  bool has_gather = false;             // else a gather is one load for each lane
  bool has_broadcast_operand = false;  // an arithmetic instruction can splat its memory operand (AVX-512)
  bool has_half_conversion = false;    // f16 to f32 and back is an instruction (F16C)
  // Elements between lanes up to which vectors are taken apart and put together in registers.
  int64_t max_interleaved = 4;

  // --- rates
  double instructions_per_cycle = 5;  // decoded
  // Bytes of vectors a cycle, at two arithmetic instructions or loads and one store a cycle.
  double arithmetic_bytes_per_cycle = 32;
  double load_bytes_per_cycle = 32;
  double store_bytes_per_cycle = 16;
  double fma_latency = 4;

  // --- caches
  CacheTraits level_one{48 << 10, 12};
  CacheTraits level_two{2 << 20, 16};
  double level_two_bytes_per_cycle = 32;  // sustained
  double level_three_bytes_per_cycle = 8;

  // --- costs of one vector where nothing else is said
  double library_call = 25;      // of libm, for one value
  double polynomial = 14;        // exp, log, tanh, ...
  double division = 5;           // sqrt alike
  double horizontal = 10;        // to combine the lanes
  double guard = 3;              // of an access that may lie outside its buffer
  double gather_lane = 1;        // of one lane, where there is an instruction for it,
  double load_lane = 1.5;        // and where there is none
  double scatter_lane = 1.5;     // of one lane
  double far_lane = 6;           // of one lane, of a scatter to lines that share a cache set
  double transposed_lane = 0.4;  // to pack one element by blocks that are transposed in registers
  double jump_byte = 0.5;        // of each byte met by jumps from page to page

  // --- threads
  // Estimated cycles from which a kernel is shared out; below, two barriers cost more than the threads save.
  double parallel_cycles = 20000;

  // Cycles of an instruction over `bytes` of a vector; of a scalar, with few bytes.
  double arithmetic_cycles(double bytes) const;
  double load_cycles(double bytes) const;
  double store_cycles(double bytes) const;

  // What a panel may fill of the level-1 cache, and what is read again and again of the level-2 cache: the rest streams
  // through.
  double panel_bytes() const { return static_cast<double>(level_one.bytes) * 2 / 3; }
  double kept_bytes() const { return static_cast<double>(level_two.bytes) / 2; }
  // Addresses of the level-2 cache this far apart share a set, of whose lines one walk may count on so many.
  int64_t level_two_period() const { return level_two.bytes / level_two.ways; }
  int64_t ways_of_walk() const { return level_two.ways < 8 ? 1 : level_two.ways / 8; }
};

// Levels of the instruction set first, then processors.
std::span<const CpuTraits> known_cpus();
const CpuTraits* find_cpu(std::string_view name);  // nullptr: it is not known

}  // namespace tarn
