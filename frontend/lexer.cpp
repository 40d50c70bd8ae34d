// A hand-written scanner: comments and blanks, names, numbers, strings, marks.
#include "frontend/lexer.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>

namespace tarn {

struct Spelling {
  TokenKind kind;
  std::string_view text;
};

static constexpr Spelling kKeywords[] = {
#define TARN_KEYWORD(name, text) {TokenKind::name, text},
#define TARN_MARK(name, text)
#include "frontend/token_kinds.def"
#undef TARN_KEYWORD
#undef TARN_MARK
};

static constexpr Spelling kMarks[] = {
#define TARN_KEYWORD(name, text)
#define TARN_MARK(name, text) {TokenKind::name, text},
#include "frontend/token_kinds.def"
#undef TARN_KEYWORD
#undef TARN_MARK
};

std::string describe(TokenKind kind) {
  switch (kind) {
    case TokenKind::End:
      return "the end of the file";
    case TokenKind::Name:
      return "a name";
    case TokenKind::Integer:
      return "an integer";
    case TokenKind::Real:
      return "a number";
    case TokenKind::String:
      return "a string";
    default:
      break;
  }
  for (const Spelling& word : kKeywords) {
    if (word.kind == kind) return fmt::format("`{}`", word.text);
  }
  for (const Spelling& mark : kMarks) {
    if (mark.kind == kind) return fmt::format("`{}`", mark.text);
  }
  return "a token";
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
static bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_name_part(char c) {
  return is_name_start(c) || is_digit(c);
}

namespace {

class Lexer {
 public:
  Lexer(const SourceManager& sources, uint32_t file, DiagnosticSink& sink)
      : text_(sources.file(file).text), file_(file), sink_(sink) {}

  std::vector<Token> run() {
    for (;;) {
      skip_blanks();
      if (position_ >= text_.size()) break;
      scan_token();
    }
    add(TokenKind::End, static_cast<uint32_t>(text_.size()));
    return std::move(tokens_);
  }

 private:
  char peek(size_t ahead = 0) const { return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0'; }

  Token& add(TokenKind kind, uint32_t begin) {
    Token token;
    token.kind = kind;
    token.span = {file_, begin, static_cast<uint32_t>(position_)};
    token.starts_line = at_line_start_;
    at_line_start_ = false;
    tokens_.push_back(std::move(token));
    return tokens_.back();
  }

  void skip_blanks() {
    while (position_ < text_.size()) {
      char c = peek();
      if (c == '\n') {
        at_line_start_ = true;
      } else if (c == '/' && peek(1) == '/') {
        while (position_ < text_.size() && peek() != '\n') ++position_;
        continue;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
      ++position_;
    }
  }

  void scan_token() {
    uint32_t begin = static_cast<uint32_t>(position_);
    char c = peek();
    if (is_name_start(c)) return scan_name(begin);
    if (is_digit(c)) return scan_number(begin);
    if (c == '"') return scan_string(begin);
    for (const Spelling& mark : kMarks) {
      if (text_.substr(position_, mark.text.size()) != mark.text) continue;
      position_ += mark.text.size();
      add(mark.kind, begin);
      return;
    }
    report_stray(begin);
  }

  void scan_name(uint32_t begin) {
    while (is_name_part(peek())) ++position_;
    std::string_view word = text_.substr(begin, position_ - begin);
    for (const Spelling& keyword : kKeywords) {
      if (keyword.text == word) {
        add(keyword.kind, begin);
        return;
      }
    }
    add(TokenKind::Name, begin).text = word;
  }

  // 12  1.5  1e-3; `0..10` is the integer 0, then `..`.
  void scan_number(uint32_t begin) {
    bool is_real = false;
    while (is_digit(peek())) ++position_;
    if (peek() == '.' && is_digit(peek(1))) {
      is_real = true;
      ++position_;
      while (is_digit(peek())) ++position_;
    }
    size_t sign = peek(1) == '+' || peek(1) == '-' ? 2 : 1;
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(sign))) {
      is_real = true;
      position_ += sign;
      while (is_digit(peek())) ++position_;
    }
    std::string digits(text_.substr(begin, position_ - begin));
    if (is_name_part(peek())) {
      while (is_name_part(peek())) ++position_;
      sink_.error({file_, begin, static_cast<uint32_t>(position_)},
                  fmt::format("`{}` is neither a number nor a name", text_.substr(begin, position_ - begin)), "syntax");
    }
    Token& token = add(is_real ? TokenKind::Real : TokenKind::Integer, begin);
    token.real = std::strtod(digits.c_str(), nullptr);
    if (std::isinf(token.real))
      sink_.error(token.span, fmt::format("`{}` is too large for a number", digits), "syntax");
    if (is_real) return;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), token.integer);
    if (error != std::errc())
      sink_.error(token.span, fmt::format("`{}` is too large for an integer", digits), "syntax");
  }

  void scan_string(uint32_t begin) {
    std::string value;
    ++position_;
    while (position_ < text_.size() && peek() != '"' && peek() != '\n') {
      char c = text_[position_++];
      if (c == '\\' && position_ < text_.size() && peek() != '\n') c = unescape(text_[position_++]);
      value += c;
    }
    if (peek() == '"') {
      ++position_;
    } else {
      sink_.error({file_, begin, static_cast<uint32_t>(position_)}, "the string has no closing `\"` on its line",
                  "syntax");
    }
    add(TokenKind::String, begin).text = std::move(value);
  }

  char unescape(char c) {
    if (c == 'n') return '\n';
    if (c == 't') return '\t';
    if (c != '"' && c != '\\') {
      uint32_t end = static_cast<uint32_t>(position_);
      sink_.error({file_, end - 2, end}, "a string knows the escapes \\\" \\\\ \\n \\t only", "syntax");
    }
    return c;
  }

  // One message for a run of characters that begin no token, such as a word in another script.
  void report_stray(uint32_t begin) {
    auto is_stray = [](char c) { return (c & 0x80) || (c > 0 && c < 0x20 && c != '\n' && c != '\t' && c != '\r'); };
    do ++position_;
    while (position_ < text_.size() && is_stray(peek()));
    std::string_view stray = text_.substr(begin, position_ - begin);
    bool is_printable = static_cast<unsigned char>(stray[0]) >= 0x20;
    std::string shown =
        is_printable ? fmt::format("`{}`", stray) : fmt::format("byte 0x{:02x}", static_cast<unsigned char>(stray[0]));
    const char* cure = "";
    if (stray == ".") cure = "; numbers begin with a digit, and functions are called f(x) or x |> f";
    if (stray == "#") cure = "; a comment begins with //";
    if (stray == "'") cure = "; a text stands in \"..\"";
    if (stray == "?") cure = "; select(condition, a, b) chooses";
    sink_.error({file_, begin, static_cast<uint32_t>(position_)}, fmt::format("unexpected {}{}", shown, cure),
                "syntax");
  }

  std::string_view text_;
  uint32_t file_;
  DiagnosticSink& sink_;
  std::vector<Token> tokens_;
  size_t position_ = 0;
  bool at_line_start_ = true;
};

}  // namespace

std::vector<Token> lex(const SourceManager& sources, uint32_t file, DiagnosticSink& sink) {
  return Lexer(sources, file, sink).run();
}

}  // namespace tarn
