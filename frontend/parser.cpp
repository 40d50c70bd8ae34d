// Tokens, errors, types, blocks and statements.
#include "frontend/parser.h"

#include <fmt/format.h>

#include "frontend/parser_impl.h"

namespace tarn {

using ast::Stmt;
using ast::StmtKind;

ast::File parse_file(const SourceManager& sources, uint32_t file, DiagnosticSink& sink) {
  // Spans hold 32-bit offsets; no honest model file comes near this.
  constexpr size_t kMaxBytes = size_t{64} << 20;
  ast::File tree;
  tree.file = file;
  if (sources.file(file).text.size() > kMaxBytes) {
    sink.error({}, fmt::format("`{}` is larger than 64 MiB", sources.file(file).name), "syntax");
    return tree;
  }
  Parser(lex(sources, file, sink), sink).parse_decls(tree.decls);
  return tree;
}

Token Parser::take() {
  Token token = peek();
  if (token.kind != TokenKind::End) {
    last_end_ = token.span.end;
    ++position_;
  }
  return token;
}

bool Parser::accept(TokenKind kind) {
  if (failed_ || !at(kind)) return false;
  take();
  return true;
}

bool Parser::expect(TokenKind kind, std::string_view where) {
  if (failed_) return false;
  if (accept(kind)) return true;
  if (peek().starts_line && last_end_ > 0) {  // it is missing where the line before ends
    fail({peek().span.file, last_end_ - 1, last_end_},
         fmt::format("expected {} {}, but the line ends", describe(kind), where));
    return false;
  }
  fail(peek().span, fmt::format("expected {} {}, found {}", describe(kind), where, describe(peek().kind)));
  return false;
}

Span Parser::span_from(uint32_t begin) const {
  return {peek().span.file, begin, std::max(begin, last_end_)};
}

ast::Name Parser::parse_name(std::string_view what) {
  if (failed_) return {"", peek().span};
  if (!at(TokenKind::Name)) {
    fail(peek().span, fmt::format("expected {}, found {}", what, describe(peek().kind)));
    return {"", peek().span};
  }
  Token token = take();
  return {token.text, token.span};
}

void Parser::fail(Span span, std::string message, std::string rule) {
  if (!failed_) sink_.error(span, std::move(message), std::move(rule));
  failed_ = true;
}

bool Parser::enter() {
  if (++depth_ <= kMaxDepth) return true;
  fail(peek().span, fmt::format("nesting is deeper than {} levels", kMaxDepth), "syntax.depth");
  --depth_;
  return false;
}

static bool is_open(TokenKind kind) {
  return kind == TokenKind::LeftParen || kind == TokenKind::LeftBracket || kind == TokenKind::LeftBrace;
}

static bool is_close(TokenKind kind) {
  return kind == TokenKind::RightParen || kind == TokenKind::RightBracket || kind == TokenKind::RightBrace;
}

// Goes to the `;`, the new line or the `}` that ends the statement at hand.
void Parser::skip_statement() {
  int open = 0;
  bool is_first = true;
  while (!at(TokenKind::End)) {
    if (open == 0 && (at(TokenKind::Semicolon) || at(TokenKind::RightBrace))) break;
    if (open == 0 && peek().starts_line && !is_first && !at(TokenKind::PipeTo)) break;
    if (is_open(peek().kind)) ++open;
    if (is_close(peek().kind) && open > 0) --open;
    is_first = false;
    take();
  }
  failed_ = false;
}

bool Parser::at_statement_end() const {
  return at(TokenKind::Semicolon) || at(TokenKind::RightBrace) || at(TokenKind::End) || peek().starts_line;
}

void Parser::end_statement(bool failed) {
  if (!failed && !at_statement_end()) {
    static constexpr TokenKind kOperators[] = {TokenKind::Plus, TokenKind::Minus, TokenKind::Star, TokenKind::Slash,
                                               TokenKind::At};
    bool is_operator = std::find(std::begin(kOperators), std::end(kOperators), peek().kind) != std::end(kOperators);
    fail(peek().span, fmt::format("expected `;` or a new line after the statement, found {}{}", describe(peek().kind),
                                  is_operator            ? "; `|>` binds loosest: write `(x |> f) + y`"
                                  : at(TokenKind::Equal) ? "; a value gets its name by `let name = value`"
                                                         : ""));
  }
  if (failed_) skip_statement();
  while (accept(TokenKind::Semicolon)) {}
}

ast::TypeExpr Parser::parse_type() {
  ast::TypeExpr type;
  uint32_t begin = peek().span.begin;
  type.element = parse_name("a type such as `f32[B, 10]`");
  if (type.element.text == "class" && expect(TokenKind::LeftBracket, "after `class`: its number of classes")) {
    type.classes = parse_expr();
    expect(TokenKind::RightBracket, "after the number of classes");
  }
  if (!failed_ && at(TokenKind::LeftBracket) && !peek().starts_line) {
    take();
    type.has_dims = true;
    while (!failed_ && !at(TokenKind::RightBracket)) {
      type.dims.push_back(parse_element());
      if (!accept(TokenKind::Comma)) break;
    }
    expect(TokenKind::RightBracket, "after the dimensions");
  }
  type.span = span_from(begin);
  return type;
}

ast::BlockPtr Parser::parse_block() {
  auto block = std::make_unique<ast::Block>();
  uint32_t begin = peek().span.begin;
  if (!expect(TokenKind::LeftBrace, "before the block") || !enter()) return block;
  while (accept(TokenKind::Semicolon)) {}
  while (!at(TokenKind::RightBrace) && !at(TokenKind::End)) {
    size_t before = position_;
    block->statements.push_back(parse_stmt());
    end_statement(failed_);
    if (position_ == before) take();
  }
  expect(TokenKind::RightBrace, "at the end of the block");
  leave();
  block->span = span_from(begin);
  return block;
}

struct StatementWord {
  const char* word;
  StmtKind kind;
};
static constexpr StatementWord kStatementWords[] = {
    {"const", StmtKind::Const},   {"param", StmtKind::Param}, {"state", StmtKind::State},
    {"update", StmtKind::Update}, {"use", StmtKind::Use},     {"require", StmtKind::Require},
    {"next", StmtKind::Next},     {"yield", StmtKind::Yield},
};

Stmt Parser::parse_stmt() {
  Stmt stmt;
  uint32_t begin = peek().span.begin;
  if (accept(TokenKind::Let)) {
    stmt.kind = StmtKind::Let;
    parse_let_names(stmt.names, stmt.is_tuple);
    if (expect(TokenKind::Equal, "after the name")) stmt.value = parse_expr();
  } else if (accept(TokenKind::Return)) {
    stmt.kind = StmtKind::Return;
    stmt.value = parse_expr();
  } else {
    // `param w` opens a statement, `param |> f` does not.
    stmt.kind = StmtKind::Expr;
    bool starts_operand = peek(1).kind == TokenKind::Name && !peek(1).starts_line;
    for (const StatementWord& entry : kStatementWords) {
      bool takes_expression = entry.kind == StmtKind::Require || entry.kind == StmtKind::Yield;
      if (at_word(entry.word) && (starts_operand || (takes_expression && !peek(1).starts_line))) stmt.kind = entry.kind;
    }
    if (stmt.kind == StmtKind::Expr)
      stmt.value = parse_expr();
    else
      parse_stmt_body(stmt, stmt.kind);
  }
  stmt.span = span_from(begin);
  if (failed_) stmt.kind = StmtKind::Error;
  return stmt;
}

void Parser::parse_let_names(std::vector<ast::Name>& names, bool& is_tuple) {
  is_tuple = accept(TokenKind::LeftParen);
  names.push_back(parse_name("a name"));
  if (!is_tuple) return;
  while (accept(TokenKind::Comma)) names.push_back(parse_name("a name"));
  expect(TokenKind::RightParen, "after the names");
}

void Parser::parse_stmt_body(Stmt& stmt, StmtKind kind) {
  take();  // the word
  if (kind == StmtKind::Require || kind == StmtKind::Yield) {
    stmt.value = parse_expr();
    if (kind == StmtKind::Require && accept(TokenKind::Comma)) {
      stmt.message = peek().text;
      expect(TokenKind::String, "as the message");
    }
    return;
  }
  stmt.names.push_back(parse_name("a name"));
  bool has_type = kind == StmtKind::Param || kind == StmtKind::State;
  if (has_type && accept(TokenKind::Colon)) stmt.type = parse_type();
  if (expect(TokenKind::Equal, "after the name")) stmt.value = parse_expr();
  if (!failed_ && kind != StmtKind::Next && at(TokenKind::If) && !peek().starts_line) {
    take();
    stmt.condition = parse_then();
  }
}

}  // namespace tarn
