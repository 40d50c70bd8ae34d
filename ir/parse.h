// Text to tensor IR, the inverse of ir/print.h.
#pragma once

#include <optional>

#include "ir/base/diagnostic.h"
#include "ir/graph.h"

namespace tarn {

// Reads a module.  Checks syntax, op names and that values are defined before use; ir/verify.h checks the rest.
// Reports into `sink` and returns nullopt where the text is wrong.
std::optional<Module> parse_ir(const SourceManager& sources, uint32_t file, DiagnosticSink& sink);

}  // namespace tarn
