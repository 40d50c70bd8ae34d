// Object code into this process through LLVM's ORC.
#include "codegen/target/cpu/emit/jit.h"

#include <llvm/ExecutionEngine/Orc/LLJIT.h>

#include "codegen/target/cpu/emit/machine.h"
#include "ir/base/check.h"

namespace tarn {

namespace {

class OrcProgram final : public JitProgram {
 public:
  OrcProgram(std::unique_ptr<llvm::orc::LLJIT> orc, const tarn_program* program)
      : orc_(std::move(orc)), program_(program) {}
  const tarn_program* program() const override { return program_; }

 private:
  std::unique_ptr<llvm::orc::LLJIT> orc_;
  const tarn_program* program_;
};

Error error_of(llvm::Error error) {
  return Error{llvm::toString(std::move(error))};
}

}  // namespace

Result<std::unique_ptr<JitProgram>> jit(const Program& program, const TargetOptions& options) {
  Result<CpuTraits> target = find_cpu_traits(options.cpu);
  if (!target) return target.error();
  if (!runs_here(*target)) return Error{fmt::format("this machine cannot run code for {}", target->level)};
  Result<std::string> object = emit_cpu(program, options, EmitKind::Object);
  if (!object) return object.error();
  llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> orc = llvm::orc::LLJITBuilder().create();
  if (!orc) return error_of(orc.takeError());
  // The library functions that generated code calls are found in this process.
  auto generator =
      llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess((*orc)->getDataLayout().getGlobalPrefix());
  if (!generator) return error_of(generator.takeError());
  (*orc)->getMainJITDylib().addGenerator(std::move(*generator));
  std::unique_ptr<llvm::MemoryBuffer> buffer = llvm::MemoryBuffer::getMemBufferCopy(*object, program.name);
  if (llvm::Error error = (*orc)->addObjectFile(std::move(buffer))) return error_of(std::move(error));
  llvm::Expected<llvm::orc::ExecutorAddr> symbol = (*orc)->lookup(options.program_symbol);
  if (!symbol) return error_of(symbol.takeError());
  const auto* table = symbol->toPtr<const tarn_program*>();
  return std::unique_ptr<JitProgram>(std::make_unique<OrcProgram>(std::move(*orc), table));
}

}  // namespace tarn
