// What a target supplies.
#pragma once

#include <string>
#include <vector>

#include "codegen/program/program.h"
#include "ir/base/result.h"

namespace tarn {

enum class EmitKind { LlvmIr, Assembly, Object };

struct TargetOptions {
  // "native" (this machine's processor), "x86-64", "x86-64-v3" (AVX2 and FMA), "x86-64-v4" (AVX-512).
  std::string cpu = "native";
  int opt_level = 2;  // 0..3
  // Estimated cycles from which a kernel is shared out among the threads; below, two barriers (2 us) cost more.
  double parallel_cycles = 20000;
  // Symbol of the tarn_program: "tarn_model_program" in an executable, "NAME_program" in a library.
  std::string program_symbol = "tarn_model_program";
};

// codegen/target/cpu: the program as LLVM text, assembly text or the bytes of an ELF object.  Errors: an unknown cpu.
Result<std::string> emit_cpu(const Program& program, const TargetOptions& options, EmitKind kind);

// What code made with these options needs to run: "x86-64", "x86-64-v3", ...  Errors: an unknown cpu.
Result<std::string> required_cpu(const TargetOptions& options);

}  // namespace tarn
