// Runs kernels as compiled programs and compares them with the reference.
#pragma once

#include <memory>
#include <optional>
#include <random>
#include <string>

#include "codegen/program/program.h"
#include "codegen/target/cpu/emit/jit.h"
#include "tests/codegen_cpu/kernel_reference.h"

namespace tarn::testing {

// What a test program compiles for, and how: a test program links one of jit_programs.cpp (processor levels of the CPU
// target that this machine can run) and tests/codegen_c/c_programs.cpp (C compilers with their options).  The names are
// TargetOptions::cpu.
std::vector<std::string> runnable_cpus();
// Those that the next kernel is checked with: all of them, or one in turn where compiling takes long.
std::vector<std::string> next_cpus();
Result<std::unique_ptr<JitProgram>> compile_program(const Program& program, const TargetOptions& options);

// Memory of a program, 64-aligned.
class Arena {
 public:
  explicit Arena(uint64_t bytes);
  uint8_t* data() { return data_; }
  uint64_t size() const { return bytes_; }

 private:
  std::vector<uint8_t> memory_;
  uint8_t* data_;
  uint64_t bytes_;
};

// Calls an entry point with a team of threads that meet at a real barrier.
int run_entry(const tarn_entry& entry, uint8_t* arena, uint32_t threads, void (*trace)(tarn_team*, uint32_t) = nullptr,
              void* user = nullptr);

// One kernel alone, each buffer 64-aligned with a gap of 64 bytes or more after it.
// `in_place`: pairs (out buffer, in buffer) that share memory.
struct Placement {
  std::vector<std::pair<BufferIndex, BufferIndex>> in_place;
};
Program program_of(const Kernel& kernel, const Placement& placement = {});

// Runs the kernel on `buffers`, as run_reference does.  Returns "" or what went wrong: outputs included.
std::string run_compiled(const Kernel& kernel, const std::string& cpu, uint32_t threads, std::vector<Bytes>& buffers,
                         const Placement& placement = {});

// Random bytes that make sense as `type`: floats in [low, high), small integers.
Bytes random_bytes(const Type& type, std::mt19937_64& random, double low = -2, double high = 2);

// "" where all outputs equal those of the reference within `tolerance` (relative to 1 + |value|; integers exactly), on
// every cpu, with equal bits for 1, 2 and 3 threads.
std::string check_kernel(const Kernel& kernel, double tolerance = 1e-5, double low = -2, double high = 2,
                         const Placement& placement = {});

}  // namespace tarn::testing
