// The table of processors.
#include "codegen/target/cpu/schedule/traits.h"

#include <algorithm>

namespace tarn {

double CpuTraits::arithmetic_cycles(double bytes) const {
  return std::max(0.5, bytes / arithmetic_bytes_per_cycle);
}

double CpuTraits::load_cycles(double bytes) const {
  return std::max(0.5, bytes / load_bytes_per_cycle);
}

double CpuTraits::store_cycles(double bytes) const {
  return std::max(1.0, bytes / store_bytes_per_cycle);
}

// A level is tuned for no processor in particular: its caches and costs are those of Sapphire Rapids, where they were
// measured (bench/, docs/cpu.md), with registers as wide as the level has.
static CpuTraits level(std::string name, int vector_bytes) {
  CpuTraits traits;
  traits.level = name;
  traits.name = std::move(name);
  traits.vector_bytes = vector_bytes;
  traits.arithmetic_bytes_per_cycle = traits.load_bytes_per_cycle = 2 * vector_bytes;
  traits.store_bytes_per_cycle = vector_bytes;
  return traits;
}

static CpuTraits x86_64_v3() {
  CpuTraits traits = level("x86-64-v3", 32);
  traits.has_fma = traits.has_gather = traits.has_half_conversion = true;
  return traits;
}

static CpuTraits x86_64_v4() {
  CpuTraits traits = level("x86-64-v4", 64);
  traits.vector_registers = 32;
  traits.has_fma = traits.has_gather = traits.has_broadcast_operand = traits.has_half_conversion = true;
  return traits;
}

static CpuTraits tuned(CpuTraits traits, std::string name) {
  traits.tune = name;
  traits.name = std::move(name);
  return traits;
}

// Caches, dispatch and latency: Software Optimization Guide for the AMD Zen4 Microarchitecture (publication 57647),
// 2.6 and 2.9 to 2.12.  Its pipes are 256 bits wide: an instruction over 512 bits takes two cycles of one of the two
// that multiply, six of the one that divides (LLVM's X86ScheduleZnver4.td, measured with llvm-exegesis).
static CpuTraits znver4() {
  CpuTraits traits = tuned(x86_64_v4(), "znver4");
  traits.instructions_per_cycle = 6;
  traits.arithmetic_bytes_per_cycle = traits.load_bytes_per_cycle = 64;
  traits.store_bytes_per_cycle = 32;
  traits.level_one = {32 << 10, 8};
  traits.level_two = {1 << 20, 8};
  traits.division = 6;
  return traits;
}

std::span<const CpuTraits> known_cpus() {
  static const CpuTraits kTable[] = {level("x86-64", 16), x86_64_v3(), x86_64_v4(),
                                     tuned(x86_64_v4(), "sapphirerapids"), znver4()};
  return kTable;
}

const CpuTraits* find_cpu(std::string_view name) {
  for (const CpuTraits& traits : known_cpus()) {
    if (traits.name == name) return &traits;
  }
  return nullptr;
}

}  // namespace tarn
