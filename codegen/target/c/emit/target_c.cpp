// The record of the C target.
#include "codegen/program/header_facts.h"
#include "codegen/target/c/emit/emit_c.h"
#include "codegen/target/target.h"

namespace tarn {

extern const Target target_c;

static Result<std::string> required_cpu(const TargetOptions&) {
  return std::string("any processor");
}

// NAME.c and NAME.h.
static Result<std::vector<EmittedFile>> emit_source(const Program& program, const TargetOptions& options) {
  c_source::SourceOptions source;
  source.program_symbol = options.name + "_program";
  HeaderFacts facts = header_facts(program, options.name, options.source, "any processor");
  facts.link = "Compile " + options.name + ".c with your program" +
               (options.is_freestanding ? "." : "; it uses the C math library.");
  source.header = c_header(facts);
  source.header_name = options.name + ".h";
  source.origin = options.source;
  source.is_freestanding = options.is_freestanding;
  return std::vector<EmittedFile>{{".c", c_source::emit_c(program, source)}, {".h", source.header}};
}

static Result<std::vector<EmittedFile>> emit_schedules(const Program& program, const TargetOptions&) {
  return std::vector<EmittedFile>{{"", c_source::schedules_text(program)}};
}

const Target target_c{
    .name = "c",
    .summary = "C99 source that needs nothing but a C compiler: NAME.c and NAME.h",
    .default_kind = "source",
    .emissions =
        {
            {.kind = "source", .summary = "C99", .is_text = false, .emit = emit_source},
            {.kind = "schedules",
             .summary = "the order and the tiles of loops",
             .is_text = true,
             .emit = emit_schedules},
        },
    .required_cpu = required_cpu,
    .makes_freestanding = true,
};

}  // namespace tarn
