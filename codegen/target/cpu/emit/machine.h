// The processors that code can be made for: by name, and as LLVM must be told.
#pragma once

#include <memory>
#include <string>

#include "codegen/target/cpu/schedule/traits.h"
#include "ir/base/result.h"

namespace llvm {
class TargetMachine;
}

namespace tarn {

struct TargetOptions;

// `cpu`: "native" (this machine's processor), or a name of the table in schedule/traits.cpp.
Result<CpuTraits> find_cpu_traits(const std::string& cpu);
// With the options' own threshold for threads.
Result<CpuTraits> find_cpu_traits(const TargetOptions& options);

// True where this machine can run code for `target`.
bool runs_here(const CpuTraits& target);

// `opt_level`: 0..3.
std::unique_ptr<llvm::TargetMachine> make_target_machine(const CpuTraits& target, int opt_level);

}  // namespace tarn
