// Declaration tables and error reporting.
#include "frontend/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/library.h"
#include "frontend/parser.h"
#include "ir/base/check.h"

namespace tarn {

bool Session::load() {
  for (const LibraryFile& file : library_files()) {
    uint32_t index = sources_.add(std::string(file.name), std::string(file.text));
    DiagnosticSink library_sink;
    library_.push_back(parse_file(sources_, index, library_sink));
    TARN_CHECK(!library_sink.has_errors(), "{} does not parse: {}", file.name, render_text(library_sink, sources_, {}));
    for (const auto& decl : library_.back().decls) library_decls_.emplace(decl->name.text, decl.get());
  }
  user_ = parse_file(sources_, file_, sink_);
  for (const auto& decl : user_.decls) {
    if (decl->kind == ast::DeclKind::Train) continue;  // named after their models
    const std::string& name = decl->name.text;
    if (name == "pi" || name == "inf" || name == "training") {  // what the name means wherever it stands
      error(decl->name.span,
            fmt::format("`{}` cannot name a {}: the language has a value of that name; choose another, as `{}_1`", name,
                        ast::decl_word(decl->kind), name),
            "name.duplicate");
    }
    auto [entry, is_new] = user_decls_.emplace(decl->name.text, decl.get());
    if (is_new) continue;
    error(decl->name.span, fmt::format("`{}` is declared twice", decl->name.text), "name.duplicate")
        .note(entry->second->name.span, "first declared here");
  }
  return !sink_.has_errors();
}

const ast::Decl* Session::find(std::string_view name, Span from) const {
  auto users = is_library(from) ? user_decls_.end() : user_decls_.find(name);
  if (users != user_decls_.end()) return users->second;
  auto found = library_decls_.find(name);
  return found == library_decls_.end() ? nullptr : found->second;
}

std::vector<std::string> Session::declared_names() const {
  std::vector<std::string> names;
  for (const auto& [name, decl] : user_decls_) names.push_back(name);
  for (const auto& [name, decl] : library_decls_) names.push_back(name);
  return names;
}

bool Session::take_name(const std::string& name, const std::string& what, Span span) {
  auto [entry, is_new] = taken.emplace(name, std::pair{what, span});
  if (is_new) return true;
  const auto& [other, place] = entry->second;
  Diagnostic& made = error(
      span, fmt::format("`{}` cannot name {}: {} is called so; choose another, as `{}_1`", name, what, other, name),
      "name.duplicate");
  if (!made.rule.empty() && place.is_known()) made.note(place, "here");
  return false;
}

std::string Session::source_text(Span span) const {
  constexpr size_t kMaxShown = 40;
  if (!span.is_known()) return "";
  std::string text = sources_.file(span.file).text.substr(span.begin, span.end - span.begin);
  text = text.substr(0, text.find('\n'));
  return text.size() > kMaxShown ? text.substr(0, kMaxShown) + "..." : text;
}

void Session::note_origin(Diagnostic& diagnostic, const Axis& axis) {
  if (!axis.origin.is_known() || is_library(axis.origin) || axis.is_batch()) return;
  std::string size = fmt::format("{}", axis.size);
  std::string value = axis.factors.empty() ? size : fmt::format("{} = {}", size, axis.factors);
  std::string text = source_text(axis.origin);
  diagnostic.note(axis.origin, text == size ? fmt::format("{} is given here", size)
                                            : fmt::format("{} comes from `{}`", value, text));
}

Diagnostic& Session::error(Span span, std::string message, std::string rule) {
  return report(Severity::Error, span, std::move(message), std::move(rule));
}

Diagnostic& Session::warning(Span span, std::string message, std::string rule) {
  return report(Severity::Warning, span, std::move(message), std::move(rule));
}

// "conv `conv.1`: 3 / 2 is no integer": what went wrong inside a layer of the library says which layer of the user's it
// is.
std::string Session::in_users_layer(std::string message) const {
  auto call = std::find_if(calls.rbegin(), calls.rend(), [&](const CallRecord& c) { return !is_library(c.span); });
  if (call == calls.rend() || !call->is_worth_a_note) return message;
  std::string name = call->what.substr(call->what.find('`'));
  bool is_said = message.find(name.substr(0, name.size() - 1)) != std::string::npos;
  return is_said ? message : fmt::format("{}: {}", call->what, message);
}

Diagnostic& Session::report(Severity severity, Span span, std::string message, std::string rule) {
  Span where = is_library(span) && user_span.is_known() ? user_span : span;
  if (where.file != span.file) message = in_users_layer(std::move(message));
  ignored_ = {};
  errors_met_ += severity == Severity::Error;
  // An unknown name may be met in several frames, with another guess in each.
  std::string_view text = rule == "name.unknown" ? std::string_view() : message;
  if (!reported_.insert(fmt::format("{}:{}:{}:{}", where.begin, where.end, rule, text)).second) return ignored_;
  Diagnostic& made = severity == Severity::Error ? sink_.error(where, std::move(message), std::move(rule))
                                                 : sink_.warning(where, std::move(message), std::move(rule));
  if (where.begin != span.begin || where.file != span.file) made.note(span, "found in the library here");
  if (!calls.empty() && calls.back().is_worth_a_note) {
    const CallRecord& call = calls.back();
    bool is_inside = call.span.is_known() && call.span.begin <= where.begin && where.end <= call.span.end;
    if (call.span.is_known() && !is_library(call.span) && !is_inside) made.note(call.span, call.what + " is used here");
  }
  return made;
}

}  // namespace tarn
