// The parser's state and its grammar functions; parse_expr.cpp, parse_decl.cpp and parser.cpp define them.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "frontend/ast.h"
#include "frontend/lexer.h"

namespace tarn {

// Nesting and tree height a program may reach; the walks over the tree recurse at most this deep.
inline constexpr uint32_t kMaxDepth = 200;

class Parser {
 public:
  Parser(std::vector<Token> tokens, DiagnosticSink& sink) : tokens_(std::move(tokens)), sink_(sink) {}

  void parse_decls(std::vector<std::unique_ptr<ast::Decl>>& decls);

 private:
  // Tokens
  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(position_ + ahead, tokens_.size() - 1)]; }
  bool at(TokenKind kind) const { return peek().kind == kind; }
  bool at_word(std::string_view word, size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::Name && peek(ahead).text == word;
  }
  Token take();
  bool accept(TokenKind kind);
  bool expect(TokenKind kind, std::string_view where);  // reports and returns false where another token stands
  Span span_from(uint32_t begin) const;                 // up to the end of the last token taken
  ast::Name parse_name(std::string_view what);

  // Errors: one message for a statement; the rest of it is skipped.
  void fail(Span span, std::string message, std::string rule = "syntax");
  void skip_statement();
  void end_statement(bool failed);
  bool at_statement_end() const;
  bool enter();  // false, with a message, where nesting is too deep
  void leave() { --depth_; }

  // Expressions (parse_expr.cpp)
  ast::ExprPtr make(ast::ExprKind kind, uint32_t begin, std::vector<ast::ExprPtr> parts = {});
  ast::ExprPtr error_expr();
  ast::ExprPtr parse_expr();
  ast::ExprPtr parse_then();
  ast::ExprPtr parse_binary(int min_precedence);
  ast::ExprPtr parse_unary();
  ast::ExprPtr parse_power();
  ast::ExprPtr parse_postfix();
  ast::ExprPtr parse_primary();
  ast::ExprPtr parse_group();
  ast::ExprPtr parse_list();
  ast::ExprPtr parse_if();
  ast::ExprPtr parse_scan();
  void parse_carries(ast::Expr& scan);
  ast::ExprPtr parse_stage();
  ast::ExprPtr parse_for_stage();
  ast::ExprPtr parse_element();  // expr, expr..expr, expr -> expr, or `..`
  std::vector<ast::Arg> parse_args(TokenKind close);
  ast::ExprPtr limit_height(ast::ExprPtr expr);

  // Types and statements
  ast::TypeExpr parse_type();
  ast::BlockPtr parse_block();
  ast::Stmt parse_stmt();
  void parse_stmt_body(ast::Stmt& stmt, ast::StmtKind kind);
  void parse_let_names(std::vector<ast::Name>& names, bool& is_tuple);

  // Declarations (parse_decl.cpp)
  std::unique_ptr<ast::Decl> parse_decl();
  void parse_callable(ast::Decl& decl);
  void parse_data(ast::Decl& decl);
  void parse_train(ast::Decl& decl);
  std::vector<ast::Param> parse_params(TokenKind close, std::vector<ast::Param>* supplied);
  ast::Param parse_param();
  std::vector<ast::Entry> parse_entries(const std::function<void(ast::Entry&)>& parse_one);
  void parse_field(ast::Entry& entry);
  void parse_entry(ast::Entry& entry);
  void parse_patterns(ast::Entry& entry, const char* after);
  void parse_over(ast::Entry& entry);
  void skip_to_decl();

  std::vector<Token> tokens_;
  DiagnosticSink& sink_;
  size_t position_ = 0;
  uint32_t last_end_ = 0;
  uint32_t depth_ = 0;
  bool failed_ = false;  // the statement at hand has a reported error
};

}  // namespace tarn
