// What the planner of kernels must know of a processor.
#pragma once

#include <cstdint>
#include <string>

namespace tarn {

struct CpuTraits {
  std::string level;      // what the code needs to run: "x86-64", "x86-64-v3", "x86-64-v4"
  std::string tune;       // LLVM processor whose timings to assume; "" for none
  int vector_bytes = 16;  // of one register
  int vector_registers = 16;
  bool has_fma = false;                // else llvm.fma is a call of fmaf
  bool has_gather = false;             // else a gather is one load for each lane
  bool has_broadcast_operand = false;  // an arithmetic instruction can splat its memory operand (AVX-512)
  // Elements between lanes up to which vectors are taken apart and put together in registers.
  int64_t max_interleaved = 4;
  // Estimated cycles from which a kernel is shared out among the threads; below, two barriers (2 us) cost more.
  double parallel_cycles = 20000;
};

}  // namespace tarn
