// Identifiers, string literals and comments.
#include "codegen/target/c/emit/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace tarn::c_source {

static bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// C99's keywords, those that later standards and C++ add, and words that compilers define as macros.
static bool is_reserved(std::string_view name) {
  static const std::set<std::string_view> kWords = {
      "alignas",  "alignof",   "and",       "asm",       "auto",     "bool",      "break",    "case",
      "catch",    "char",      "class",     "compl",     "const",    "constexpr", "continue", "default",
      "delete",   "do",        "double",    "else",      "enum",     "explicit",  "export",   "extern",
      "false",    "far",       "float",     "for",       "friend",   "goto",      "huge",     "i386",
      "if",       "inline",    "int",       "interrupt", "linux",    "long",      "main",     "math_errhandling",
      "mutable",  "namespace", "near",      "new",       "noexcept", "not",       "nullptr",  "operator",
      "or",       "private",   "protected", "public",    "register", "restrict",  "return",   "short",
      "signed",   "sizeof",    "static",    "struct",    "switch",   "template",  "this",     "throw",
      "true",     "try",       "typedef",   "typeid",    "typename", "typeof",    "union",    "unix",
      "unsigned", "using",     "virtual",   "void",      "volatile", "while",     "xor"};
  // Macros of headers are in capitals; a leading underscore and `tarn_` belong to others.
  bool is_capital = std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return kWords.contains(name) || is_capital || name.starts_with("_") || name.starts_with("tarn_");
}

std::string Names::add(std::string_view name) {
  std::string base;
  for (char c : name) base += is_word(c) ? c : '_';
  if (base.empty() || std::isdigit(static_cast<unsigned char>(base[0])) || base[0] == '_')
    base = fmt::format("t{}", base);
  if (is_reserved(base)) base = fmt::format("t_{}", base);
  std::string result = base;
  for (int number = 2; !taken_.insert(result).second; ++number) result = fmt::format("{}_{}", base, number);
  return result;
}

std::set<std::string, std::less<>> identifiers_of(std::string_view text) {
  std::set<std::string, std::less<>> found;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end > at && !std::isdigit(static_cast<unsigned char>(text[at]))) found.emplace(text.substr(at, end - at));
    at = std::max(end, at + 1);
  }
  return found;
}

std::string string_literal(std::string_view text) {
  std::string out = "\"";
  size_t column = 0;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    // Three octal digits end themselves; `?` could begin a trigraph.
    std::string piece = c == '"' || c == '\\'                 ? fmt::format("\\{}", c)
                        : byte < 32 || byte > 126 || c == '?' ? fmt::format("\\{:03o}", byte)
                                                              : std::string(1, c);
    if (column + piece.size() > 100) {
      out += "\"\n    \"";
      column = 0;
    }
    out += piece;
    column += piece.size();
  }
  return out + "\"";
}

std::string comment_text(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool closes = !out.empty() && ((out.back() == '*' && c == '/') || (out.back() == '/' && c == '*'));
    if (closes) out += ' ';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

}  // namespace tarn::c_source
