// Processor names to LLVM target machines.
#include "codegen/target/cpu/emit/machine.h"

#include <llvm/ADT/StringMap.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Target/TargetOptions.h>
#include <llvm/TargetParser/Host.h>

#include <initializer_list>
#include <mutex>
#include <new>

#include "ir/base/check.h"

namespace tarn {

namespace {

constexpr const char* kTriple = "x86_64-unknown-linux-gnu";

const CpuTraits kBaseline{"x86-64", "", 16, 16, false, false, false};
const CpuTraits kAvx2{"x86-64-v3", "", 32, 16, true, true, false};
const CpuTraits kAvx512{"x86-64-v4", "", 64, 32, true, true, true};

// By itself LLVM aborts.  Without memory, the command's own handler has its say first.
void on_bad_alloc(void*, const char* reason, bool) {
  if (std::new_handler out_of_memory = std::get_new_handler()) out_of_memory();
  internal_error(__FILE__, __LINE__, "LLVM", reason);
}
void on_fatal_error(void*, const char* reason, bool) {
  internal_error(__FILE__, __LINE__, "LLVM", reason);
}

void install_error_handlers() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::install_bad_alloc_error_handler(on_bad_alloc);
    llvm::install_fatal_error_handler(on_fatal_error);
  });
}

bool host_has(std::initializer_list<const char*> names) {
  install_error_handlers();
  static const llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  for (const char* name : names) {
    auto found = features.find(name);
    if (found == features.end() || !found->second) return false;
  }
  return true;
}

bool host_has_avx2() {
  return host_has({"avx", "avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe"});
}
bool host_has_avx512() {
  return host_has_avx2() && host_has({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
}

void register_backend() {
  static std::once_flag once;
  install_error_handlers();
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
  });
}

}  // namespace

Result<CpuTraits> find_cpu_traits(const std::string& cpu) {
  for (const CpuTraits* target : {&kBaseline, &kAvx2, &kAvx512}) {
    if (cpu == target->level) return *target;
  }
  if (cpu != "native") {
    return Error{fmt::format("unknown cpu `{}`; known are native, x86-64, x86-64-v3, x86-64-v4", cpu)};
  }
  CpuTraits target = host_has_avx512() ? kAvx512 : host_has_avx2() ? kAvx2 : kBaseline;
  target.tune = llvm::sys::getHostCPUName().str();
  return target;
}

bool runs_here(const CpuTraits& target) {
  if (target.level == kAvx512.level) return host_has_avx512();
  if (target.level == kAvx2.level) return host_has_avx2();
  return true;
}

std::unique_ptr<llvm::TargetMachine> make_target_machine(const CpuTraits& target, int opt_level) {
  register_backend();
  std::string error;
  const llvm::Target* backend = llvm::TargetRegistry::lookupTarget(kTriple, error);
  TARN_CHECK(backend, "LLVM has no x86-64 back end: {}", error);
  llvm::CodeGenOptLevel level = opt_level <= 0   ? llvm::CodeGenOptLevel::None
                                : opt_level == 1 ? llvm::CodeGenOptLevel::Less
                                : opt_level == 2 ? llvm::CodeGenOptLevel::Default
                                                 : llvm::CodeGenOptLevel::Aggressive;
  std::unique_ptr<llvm::TargetMachine> machine(backend->createTargetMachine(
      kTriple, target.level, "", llvm::TargetOptions(), llvm::Reloc::PIC_, llvm::CodeModel::Small, level));
  TARN_CHECK(machine, "no target machine for {}", target.level);
  return machine;
}

}  // namespace tarn
