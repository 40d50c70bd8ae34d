// Programs compiled into this process: for tests and for tools that look at a model while it runs.
#pragma once

#include <memory>

#include "codegen/target/cpu/cpu.h"
#include "runtime/tarn_abi.h"

namespace tarn {

class JitProgram {
 public:
  virtual ~JitProgram() = default;
  // Lives as long as this object.
  virtual const tarn_program* program() const = 0;
};

// The object that emit_cpu() makes, loaded.  Errors: an unknown cpu, or one that this machine is not.
Result<std::unique_ptr<JitProgram>> jit(const Program& program, const TargetOptions& options);

}  // namespace tarn
