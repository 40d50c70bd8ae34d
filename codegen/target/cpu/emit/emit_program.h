// A whole program to one LLVM module: a function for each kernel and entry point, and the tables of runtime/tarn_abi.h.
#pragma once

#include <llvm/IR/Module.h>

#include <memory>
#include <string>
#include <vector>

#include "codegen/target/cpu/emit/kernel_emitter.h"
#include "codegen/target/cpu/emit/machine.h"
#include "codegen/target/target.h"

namespace tarn {

struct CpuModule {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;  // after the function passes
};

CpuModule build_module(const Program& program, const CpuTraits& target, const TargetOptions& options);

// The entry point as int32_t(ptr arena, ptr team); `kernels`: one for each of launches_of(entry).
llvm::Function* emit_entry(llvm::Module& module, const ProgramEntry& entry, const std::vector<KernelCode>& kernels);

// Defines the constant `tarn_program` named options.program_symbol; `entries`: one for each of program.entries.
void emit_tables(llvm::Module& module, const Program& program, const CpuTraits& target, const std::string& symbol,
                 const std::vector<llvm::Function*>& entries);

}  // namespace tarn
