// Source text -> tokens.  First step of the front end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/base/diagnostic.h"
#include "ir/base/source.h"

namespace tarn {

enum class TokenKind : uint8_t {
  End,
  Name,
  Integer,
  Real,
  String,
#define TARN_KEYWORD(name, text) name,
#define TARN_MARK(name, text) name,
#include "frontend/token_kinds.def"
#undef TARN_KEYWORD
#undef TARN_MARK
};

// How a message names the kind: "`|>`", "a name", "the end of the file".
std::string describe(TokenKind kind);

struct Token {
  TokenKind kind = TokenKind::End;
  Span span;
  bool starts_line = false;  // first token of its line: there a statement may begin
  std::string text;          // of names; of strings, with escapes replaced
  int64_t integer = 0;
  double real = 0;  // value of Integer and Real
};

// The tokens of a file, ended by one End token.  Characters that fit no token are reported and skipped.
std::vector<Token> lex(const SourceManager& sources, uint32_t file, DiagnosticSink& sink);

}  // namespace tarn
