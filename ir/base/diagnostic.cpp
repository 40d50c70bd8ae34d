// Renders diagnostics.
#include "ir/base/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace tarn {

Diagnostic& Diagnostic::note(Span where, std::string text) {
  notes.push_back({Severity::Note, where, std::move(text), "", {}});
  return *this;
}

Diagnostic& Diagnostic::help(Span where, std::string text) {
  notes.push_back({Severity::Help, where, std::move(text), "", {}});
  return *this;
}

// What a user wrote may be a name of a megabyte: of each long piece in `backticks` the ends stay.
static std::string with_short_quotes(std::string_view message) {
  constexpr size_t kMaxQuote = 1000, kKept = 100;  // bytes; the first leaves whole command lines as they are
  if (message.size() <= kMaxQuote) return std::string(message);
  std::string out;
  while (!message.empty()) {
    size_t open = message.find('`');
    size_t close = open == std::string_view::npos ? open : message.find('`', open + 1);
    if (close == std::string_view::npos) break;
    std::string_view quote = message.substr(open + 1, close - open - 1);
    out += message.substr(0, open + 1);
    if (quote.size() > kMaxQuote)
      out += fmt::format("{}...{}", quote.substr(0, kKept), quote.substr(quote.size() - kKept));
    else
      out += quote;
    out += '`';
    message.remove_prefix(close + 1);
  }
  return out.append(message);
}

Diagnostic& DiagnosticSink::add(Severity severity, Span span, std::string message, std::string rule, size_t& count) {
  constexpr size_t kMaxKept = 1000;
  message = with_short_quotes(message);
  std::string key =
      fmt::format("{}:{}:{}:{}:{}:{}", span.file, span.begin, span.end, static_cast<int>(severity), rule, message);
  bool is_kept = diagnostics_.size() < kMaxKept;
  if (is_kept ? !known_.insert(std::move(key)).second : known_.count(key) > 0) return dropped_ = {};
  ++count;
  if (!is_kept) return dropped_ = {};
  diagnostics_.push_back({severity, span, std::move(message), std::move(rule), {}});
  return diagnostics_.back();
}

Diagnostic& DiagnosticSink::error(Span span, std::string message, std::string rule) {
  return add(Severity::Error, span, std::move(message), std::move(rule), error_count_);
}

Diagnostic& DiagnosticSink::warning(Span span, std::string message, std::string rule) {
  return add(Severity::Warning, span, std::move(message), std::move(rule), warning_count_);
}

static std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::Error:
      return "error";
    case Severity::Warning:
      return "warning";
    case Severity::Note:
      return "note";
    case Severity::Help:
      return "help";
  }
  return "";
}

static std::string_view severity_color(Severity severity) {
  switch (severity) {
    case Severity::Error:
      return "\033[1;31m";
    case Severity::Warning:
      return "\033[1;35m";
    case Severity::Note:
      return "\033[1;36m";
    case Severity::Help:
      return "\033[1;32m";
  }
  return "";
}

// Whether a byte of UTF-8 begins a character, and so takes a column.
static bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

// The bytes [begin, end) of a line that are shown: all of a short one, else what is around the carets.
struct Window {
  size_t begin = 0, end = 0;
};

static Window shown_part(std::string_view text, size_t first, size_t width) {
  constexpr size_t kMaxLine = 200, kBefore = 60;  // bytes
  if (text.size() <= kMaxLine) return {0, text.size()};
  Window window;
  window.begin = first > kBefore && first + width > kMaxLine ? first - kBefore : 0;
  window.end = std::min(text.size(), window.begin + kMaxLine);
  while (window.begin > 0 && !begins_character(text[window.begin])) --window.begin;
  while (window.end < text.size() && !begins_character(text[window.end])) --window.end;
  return window;
}

// The source line and, under it, carets from the span's start to its end or the line's end.  Tabs are kept in the
// margin so that carets stay under their text.
static void append_snippet(std::string& out, const SourceFile& file, Span span, const RenderOptions& options,
                           Severity severity) {
  uint32_t line = file.line_of(span.begin);
  std::string_view text = file.line_text(line);
  size_t first = std::min<size_t>(file.column_of(span.begin) - 1, text.size());
  size_t width = std::max<size_t>(1, std::min<size_t>(span.end - span.begin, text.size() - first));
  Window window = shown_part(text, first, width);
  std::string_view before = window.begin > 0 ? "..." : "", after = window.end < text.size() ? "..." : "";
  out += fmt::format("{:>5} | {}{}{}\n", line, before, text.substr(window.begin, window.end - window.begin), after);
  std::string margin(before.size(), ' ');
  for (char byte : text.substr(window.begin, first - window.begin)) {
    if (byte == '\t')
      margin += '\t';
    else if (begins_character(byte))
      margin += ' ';
  }
  std::string carets(std::max<size_t>(1, std::min(width, window.end - first)), '^');
  if (options.color) carets = fmt::format("{}{}\033[0m", severity_color(severity), carets);
  out += fmt::format("      | {}{}\n", margin, carets);
}

static void append_one(std::string& out, const Diagnostic& diagnostic, const SourceManager& sources,
                       const RenderOptions& options) {
  if (diagnostic.span.is_known()) {
    Location where = sources.locate(diagnostic.span);
    out += options.color ? fmt::format("\033[1m{}:\033[0m ", where.text()) : where.text() + ": ";
  } else if (diagnostic.severity == Severity::Error || diagnostic.severity == Severity::Warning) {
    out += "tarn: ";
  }
  std::string_view name = severity_name(diagnostic.severity);
  out += options.color ? fmt::format("{}{}:\033[0m ", severity_color(diagnostic.severity), name)
                       : fmt::format("{}: ", name);
  out += diagnostic.message;
  if (!diagnostic.rule.empty()) out += fmt::format(" [{}]", diagnostic.rule);
  out += '\n';
  if (diagnostic.span.is_known()) {
    append_snippet(out, sources.file(diagnostic.span.file), diagnostic.span, options, diagnostic.severity);
  }
  for (const Diagnostic& note : diagnostic.notes) append_one(out, note, sources, options);
}

// A reader goes through the file once; what has no place comes last.
static std::vector<const Diagnostic*> in_text_order(const DiagnosticSink& sink) {
  std::vector<const Diagnostic*> order;
  for (const Diagnostic& diagnostic : sink.all()) order.push_back(&diagnostic);
  std::stable_sort(order.begin(), order.end(), [](const Diagnostic* a, const Diagnostic* b) {
    return std::pair(a->span.file, a->span.begin) < std::pair(b->span.file, b->span.begin);
  });
  return order;
}

std::string render_text(const DiagnosticSink& sink, const SourceManager& sources, const RenderOptions& options) {
  std::string out;
  size_t errors = 0;
  for (const Diagnostic* diagnostic : in_text_order(sink)) {
    if (diagnostic->severity == Severity::Error && ++errors > options.limit) continue;
    append_one(out, *diagnostic, sources, options);
  }
  if (errors > options.limit)
    out += fmt::format("tarn: {} more errors not shown\n", sink.error_count() - options.limit);
  return out;
}

static nlohmann::ordered_json to_json(const Diagnostic& diagnostic, const SourceManager& sources) {
  nlohmann::ordered_json json;
  json["severity"] = severity_name(diagnostic.severity);
  if (diagnostic.span.is_known()) {
    const SourceFile& file = sources.file(diagnostic.span.file);
    json["file"] = file.name;
    json["line"] = file.line_of(diagnostic.span.begin);
    json["column"] = file.column_of(diagnostic.span.begin);
    json["end_line"] = file.line_of(diagnostic.span.end);
    json["end_column"] = file.column_of(diagnostic.span.end);
  }
  json["message"] = diagnostic.message;
  if (!diagnostic.rule.empty()) json["rule"] = diagnostic.rule;
  for (const Diagnostic& note : diagnostic.notes) json["notes"].push_back(to_json(note, sources));
  return json;
}

std::string render_json(const DiagnosticSink& sink, const SourceManager& sources) {
  std::string out;
  for (const Diagnostic* diagnostic : in_text_order(sink)) {
    out += to_json(*diagnostic, sources).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
  return out;
}

// Levenshtein distance where swapping two neighbours counts as one edit.
static size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t substitute = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, substitute});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr size_t kMaxWord = 100;  // bytes; nobody means a longer one
  if (word.size() > kMaxWord) return "";
  // A third of the letters may be wrong, but not all of them.
  size_t best_distance = std::min(word.size(), std::max<size_t>(1, word.size() / 3) + 1);
  std::string best;
  for (const std::string& candidate : candidates) {
    size_t difference = std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
    if (difference >= best_distance) continue;  // the distance is no smaller
    size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  if (!best.empty()) return best;
  // `he` for `he_normal`, `padding` for `pad`.
  constexpr size_t kTelling = 3;  // letters
  for (const std::string& candidate : candidates) {
    bool is_first_word = candidate.size() > word.size() + 1 && candidate.rfind(std::string(word) + "_", 0) == 0;
    bool is_short_for = candidate.size() >= kTelling && word.substr(0, candidate.size()) == candidate;
    if ((is_first_word || is_short_for) && (best.empty() || candidate.size() < best.size())) best = candidate;
  }
  return best;
}

}  // namespace tarn
