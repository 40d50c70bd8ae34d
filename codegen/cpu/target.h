// The processors that code can be made for: what LLVM must be told, and what the planner of kernels must know.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ir/base/result.h"

namespace llvm {
class TargetMachine;
}

namespace tarn {

struct CpuTarget {
  std::string level;      // what the code needs to run: "x86-64", "x86-64-v3", "x86-64-v4"
  std::string tune;       // LLVM processor whose timings to assume; "" for none
  int vector_bytes = 16;  // of one register
  int vector_registers = 16;
  bool has_fma = false;                // else llvm.fma is a call of fmaf
  bool has_gather = false;             // else a gather is one load for each lane
  bool has_broadcast_operand = false;  // an arithmetic instruction can splat its memory operand (AVX-512)
};

// `cpu`: "native" (the highest level that this machine has, tuned for it), "x86-64", "x86-64-v3", "x86-64-v4".
Result<CpuTarget> find_cpu_target(const std::string& cpu);

// True where this machine can run code for `target`.
bool runs_here(const CpuTarget& target);

// `opt_level`: 0..3.
std::unique_ptr<llvm::TargetMachine> make_target_machine(const CpuTarget& target, int opt_level);

}  // namespace tarn
