// tarn explain: what each kernel does and what the arena holds.
#include <fmt/format.h>

#include "codegen/program/build_program.h"
#include "driver/compilation.h"
#include "driver/explain.h"
#include "driver/files.h"

namespace tarn {

int run_explain(const ExplainOptions& options) {
  Compilation compilation(options.compile);
  std::optional<Module> module = compilation.load();
  if (!module || !compilation.run_passes(*module)) return compilation.finish();
  Result<Program> program = build_program(*module);
  if (!program) {
    compilation.error(program.error());
    return compilation.finish();
  }
  if (std::optional<Error> error = write_file("-", explain(*module, *program, options))) {
    compilation.error(*error);
  }
  return compilation.finish();
}

}  // namespace tarn
