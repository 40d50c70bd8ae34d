// The record of the CPU target.
#include <fmt/format.h>

#include "codegen/target/cpu/cpu.h"
#include "codegen/target/cpu/emit/machine.h"
#include "codegen/target/cpu/schedule/schedule.h"

namespace tarn {

static Result<std::string> required_cpu(const TargetOptions& options) {
  Result<CpuTraits> traits = find_cpu_traits(options);
  if (!traits) return traits.error();
  return traits->level;
}

template <EmitKind kKind>
static Result<std::vector<EmittedFile>> emit(const Program& program, const TargetOptions& options) {
  Result<std::string> code = emit_cpu(program, options, kKind);
  if (!code) return code.error();
  return std::vector<EmittedFile>{{kKind == EmitKind::Object ? ".o" : "", std::move(*code)}};
}

static Result<std::vector<EmittedFile>> emit_schedules(const Program& program, const TargetOptions& options) {
  Result<CpuTraits> traits = find_cpu_traits(options);
  if (!traits) return traits.error();
  std::string text = fmt::format("// {}: {} vector registers of {} bytes\n", traits->name, traits->vector_registers,
                                 traits->vector_bytes);
  for (const ProgramEntry& entry : program.entries) {
    for (const LaunchStep* launch : launches_of(entry)) text += "\n" + print(plan(launch->kernel, *traits));
  }
  return std::vector<EmittedFile>{{"", std::move(text)}};
}

const Target target_cpu{
    .name = "cpu",
    .summary = "machine code for x86-64, through LLVM",
    .default_kind = "exe",
    .emissions =
        {
            {.kind = "schedules", .summary = "how each kernel runs", .is_text = true, .emit = emit_schedules},
            {.kind = "llvm", .summary = "LLVM IR", .is_text = true, .emit = emit<EmitKind::LlvmIr>},
            {.kind = "asm", .summary = "assembly", .is_text = true, .emit = emit<EmitKind::Assembly>},
            {.kind = kObjectKind, .summary = "an object file", .is_text = false, .emit = emit<EmitKind::Object>},
        },
    .required_cpu = required_cpu,
};

}  // namespace tarn
