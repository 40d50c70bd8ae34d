// Tokens -> syntax tree.
#pragma once

#include "frontend/ast.h"
#include "ir/base/diagnostic.h"

namespace tarn {

// Parses a whole file.  Syntax errors go to `sink`; parsing goes on at the next statement, so several are found.
// The tree is complete enough to be checked only where there were no errors.
ast::File parse_file(const SourceManager& sources, uint32_t file, DiagnosticSink& sink);

}  // namespace tarn
