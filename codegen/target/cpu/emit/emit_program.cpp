// Program -> LLVM module -> text or object bytes.
#include "codegen/target/cpu/emit/emit_program.h"

#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/Scalar/ADCE.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include <map>

#include "codegen/target/cpu/cpu.h"
#include "codegen/target/cpu/emit/share_code.h"
#include "ir/base/check.h"

namespace tarn {

namespace {

void set_target_attributes(llvm::Module& module, const CpuTraits& target) {
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    function.addFnAttr("target-cpu", target.level);
    if (!target.tune.empty()) function.addFnAttr("tune-cpu", target.tune);
    // Some AVX-512 processors' tunings would split 512-bit vectors.  Never "min-legal-vector-width"="0", which does so.
    if (target.vector_bytes == 64) function.addFnAttr("prefer-vector-width", "512");
    function.setUWTableKind(llvm::UWTableKind::None);
  }
}

// The emitter chooses vectors, tiles and order; LLVM merges equal values and drops unused ones.
void run_passes(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::ADCEPass());
  for (llvm::Function& function : module) {
    if (!function.isDeclaration()) passes.run(function, functions);
  }
}

llvm::Constant* table_of(llvm::Module& module, const std::vector<uint64_t>& numbers) {
  llvm::Constant* table = llvm::ConstantDataArray::get(module.getContext(), numbers);
  return new llvm::GlobalVariable(module, table->getType(), true, llvm::GlobalValue::PrivateLinkage, table);
}

}  // namespace

CpuModule build_module(const Program& program, const CpuTraits& target, const TargetOptions& options) {
  std::unique_ptr<llvm::TargetMachine> machine = make_target_machine(target, options.opt_level);
  CpuModule result;
  result.context = std::make_unique<llvm::LLVMContext>();
  result.module = std::make_unique<llvm::Module>(program.name, *result.context);
  llvm::Module& module = *result.module;
  module.setTargetTriple(machine->getTargetTriple().str());
  module.setDataLayout(machine->createDataLayout());
  module.setPICLevel(llvm::PICLevel::BigPIC);
  std::vector<llvm::Function*> entries;
  std::vector<std::vector<SharedCode>> shared = share_code(program);
  std::map<size_t, KernelCode> made;  // by number of the function
  for (size_t e = 0; e < program.entries.size(); ++e) {
    const ProgramEntry& entry = program.entries[e];
    std::vector<const LaunchStep*> launches = launches_of(entry);
    std::vector<KernelCode> kernels;
    for (size_t k = 0; k < launches.size(); ++k) {
      const LaunchStep& launch = *launches[k];
      KernelCode& code = made[shared[e][k].function];
      if (!code.function) {
        std::string name = "tarn." + entry.name + "." + launch.kernel.name;
        code = emit_kernel(module, target, plan(launch.kernel, target), launch, name, shared[e][k].is_shared);
      }
      kernels.push_back(code);
      if (shared[e][k].is_shared) kernels.back().places = table_of(module, launch.buffer_offsets);
    }
    entries.push_back(emit_entry(module, entry, kernels));
  }
  emit_tables(module, program, target, options.program_symbol, entries);
  set_target_attributes(module, target);
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  TARN_CHECK(!llvm::verifyModule(module, &stream), "LLVM rejects the code of `{}`: {}", program.name, problem);
  if (options.opt_level > 0) run_passes(module, *machine);
  return result;
}

Result<std::string> emit_cpu(const Program& program, const TargetOptions& options, EmitKind kind) {
  Result<CpuTraits> target = find_cpu_traits(options);
  if (!target) return target.error();
  CpuModule built = build_module(program, *target, options);
  if (kind == EmitKind::LlvmIr) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    built.module->print(stream, nullptr);
    return text;
  }
  std::unique_ptr<llvm::TargetMachine> machine = make_target_machine(*target, options.opt_level);
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  auto file_type = kind == EmitKind::Assembly ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  machine->Options.MCOptions.AsmVerbose = kind == EmitKind::Assembly;
  bool refused = machine->addPassesToEmitFile(passes, stream, nullptr, file_type, true);
  TARN_CHECK(!refused, "LLVM cannot write this kind of file");
  passes.run(*built.module);
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace tarn
