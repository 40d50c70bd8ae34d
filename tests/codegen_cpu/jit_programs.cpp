// Programs compiled into this process by LLVM, for each processor level that this machine can run.
#include "codegen/target/cpu/emit/machine.h"
#include "tests/codegen_cpu/run_kernel.h"

namespace tarn::testing {

std::vector<std::string> runnable_cpus() {
  std::vector<std::string> result;
  for (const char* cpu : {"x86-64", "x86-64-v3", "x86-64-v4"}) {
    Result<CpuTraits> target = find_cpu_traits(cpu);
    if (target && runs_here(*target)) result.push_back(cpu);
  }
  return result;
}

std::vector<std::string> next_cpus() {
  return runnable_cpus();
}

Result<std::unique_ptr<JitProgram>> compile_program(const Program& program, const TargetOptions& options) {
  return jit(program, options);
}

}  // namespace tarn::testing
