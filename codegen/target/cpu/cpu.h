// The CPU target: machine code for x86-64, through LLVM.
#pragma once

#include <string>

#include "codegen/target/target.h"

namespace tarn {

enum class EmitKind { LlvmIr, Assembly, Object };

// The program as LLVM text, assembly text or the bytes of an ELF object.
// `options.cpu`: "native" (this machine's processor), a level (x86-64, x86-64-v3: AVX2 and FMA, x86-64-v4: AVX-512) or a
// processor (sapphirerapids, znver4; schedule/traits.cpp).  Errors: another one.
Result<std::string> emit_cpu(const Program& program, const TargetOptions& options, EmitKind kind);

extern const Target target_cpu;

}  // namespace tarn
