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

#include "codegen/target/target.h"
#include "ir/base/check.h"

namespace tarn {

namespace {

constexpr const char* kTriple = "x86_64-unknown-linux-gnu";

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

std::string_view host_level() {
  return host_has_avx512() ? "x86-64-v4" : host_has_avx2() ? "x86-64-v3" : "x86-64";
}

// This processor's record; where it has none, or lacks what its name promises (a virtual machine may), the highest
// level that it has, with LLVM's timings of the processor.
CpuTraits host_traits() {
  CpuTraits traits = *find_cpu(host_level());
  std::string name = llvm::sys::getHostCPUName().str();
  const CpuTraits* known = find_cpu(name);
  if (known && known->level == traits.level) return *known;
  traits.name = traits.tune = name;
  return traits;
}

}  // namespace

Result<CpuTraits> find_cpu_traits(const std::string& cpu) {
  if (cpu == "native") return host_traits();
  if (const CpuTraits* known = find_cpu(cpu)) return *known;
  std::string names;
  for (const CpuTraits& known : known_cpus()) names += ", " + known.name;
  return Error{fmt::format("unknown cpu `{}`; known are native{}", cpu, names)};
}

Result<CpuTraits> find_cpu_traits(const TargetOptions& options) {
  Result<CpuTraits> traits = find_cpu_traits(options.cpu);
  if (traits && options.parallel_cycles) traits->parallel_cycles = *options.parallel_cycles;
  return traits;
}

bool runs_here(const CpuTraits& target) {
  if (target.level == "x86-64-v4") return host_has_avx512();
  if (target.level == "x86-64-v3") return host_has_avx2();
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
