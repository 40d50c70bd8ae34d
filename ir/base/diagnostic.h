// What the compiler says to its user: collected in a sink, rendered as text with carets or as JSON lines.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ir/base/source.h"

namespace tarn {

enum class Severity { Error, Warning, Note, Help };

struct Diagnostic {
  Severity severity = Severity::Error;
  Span span;                      // where; may be unknown
  std::string message;            // lower case, what was observed first, no final period, code in `backticks`
  std::string rule;               // "dense.C1"; shown in brackets
  std::vector<Diagnostic> notes;  // notes and helps that belong to this one

  Diagnostic& note(Span where, std::string text);
  Diagnostic& help(Span where, std::string text);
};

// Collects diagnostics of one compilation, each once: what a layer reports again for another entry point or instance at
// the same place in the same words is dropped.  Never prints by itself.  After the first thousand, more are counted, but
// not kept: nobody reads them.
class DiagnosticSink {
 public:
  // The reference is valid until the next call; use it to attach notes at once.
  Diagnostic& error(Span span, std::string message, std::string rule);
  Diagnostic& warning(Span span, std::string message, std::string rule);

  bool has_errors() const { return error_count_ > 0; }
  size_t error_count() const { return error_count_; }
  size_t warning_count() const { return warning_count_; }
  const std::vector<Diagnostic>& all() const { return diagnostics_; }

 private:
  Diagnostic& add(Severity severity, Span span, std::string message, std::string rule, size_t& count);

  std::vector<Diagnostic> diagnostics_;
  std::unordered_set<std::string> known_;  // place and words of each
  Diagnostic dropped_;                     // takes the notes of a diagnostic that is not kept
  size_t error_count_ = 0;
  size_t warning_count_ = 0;
};

struct RenderOptions {
  bool color = false;
  size_t limit = 20;  // errors shown before "N more errors"
};

// file:line:col: error: message [rule], the source line, carets under the span, then notes; in the order of the text.
// Of a long line, what is around the carets.
std::string render_text(const DiagnosticSink& sink, const SourceManager& sources, const RenderOptions& options);

// One JSON object a line: severity, file, line, column, end_line, end_column, message, rule, notes; in the order of the
// text.
std::string render_json(const DiagnosticSink& sink, const SourceManager& sources);

// The candidate nearest to `word` by edit distance, or "" if none is near (for did-you-mean).
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace tarn
