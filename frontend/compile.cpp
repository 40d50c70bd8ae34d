// The stages of the front end, one after the other.
#include "frontend/compile.h"

#include "frontend/program.h"
#include "frontend/session.h"

namespace tarn {

std::optional<Module> compile_source(SourceManager& sources, uint32_t file, const FrontendOptions& options,
                                     DiagnosticSink& sink) {
  Session session(sources, file, options, sink);
  if (!session.load()) return std::nullopt;
  std::optional<Module> module = build_program(session);
  if (sink.has_errors()) return std::nullopt;
  return module;
}

}  // namespace tarn
