// Expressions, by precedence climbing.  From loose to tight:
//   |>   then   or   and   not   == != < <= > >=   + -   * / @   unary -   ^   f(..) f[..] as
#include <fmt/format.h>

#include "frontend/parser_impl.h"

namespace tarn {

using ast::Expr;
using ast::ExprKind;
using ast::ExprPtr;

ExprPtr Parser::make(ExprKind kind, uint32_t begin, std::vector<ExprPtr> parts) {
  auto expr = std::make_unique<Expr>();
  expr->kind = kind;
  for (const ExprPtr& part : parts) expr->height = std::max(expr->height, part->height + 1);
  expr->parts = std::move(parts);
  expr->span = span_from(begin);
  return limit_height(std::move(expr));
}

ExprPtr Parser::error_expr() {
  auto expr = std::make_unique<Expr>();
  expr->span = peek().span;
  return expr;
}

// A chain such as a + b + c + ... grows a tall tree without nesting; cut it where walks could overflow the stack.
ExprPtr Parser::limit_height(ExprPtr expr) {
  if (expr->height <= kMaxDepth) return expr;
  fail(expr->span, fmt::format("the expression has more than {} levels", kMaxDepth), "syntax.depth");
  return error_expr();
}

template <typename... T>
static std::vector<ExprPtr> list_of(T... parts) {
  std::vector<ExprPtr> list;
  (list.push_back(std::move(parts)), ...);
  return list;
}

ExprPtr Parser::parse_expr() {
  uint32_t begin = peek().span.begin;
  if (!enter()) return error_expr();
  ExprPtr first = parse_then();
  if (at(TokenKind::PipeTo)) {
    std::vector<ExprPtr> parts;
    parts.push_back(std::move(first));
    while (!failed_ && accept(TokenKind::PipeTo)) parts.push_back(parse_stage());
    first = make(ExprKind::Pipe, begin, std::move(parts));
  }
  leave();
  return first;
}

ExprPtr Parser::parse_then() {
  uint32_t begin = peek().span.begin;
  ExprPtr first = parse_binary(0);
  if (!at(TokenKind::Then)) return first;
  std::vector<ExprPtr> parts;
  parts.push_back(std::move(first));
  while (!failed_ && accept(TokenKind::Then)) parts.push_back(parse_binary(0));
  return make(ExprKind::Then, begin, std::move(parts));
}

struct BinaryOperator {
  TokenKind token;
  const char* text;
  int precedence;
};

static constexpr int kNotPrecedence = 2;  // between `and` and the comparisons
static constexpr BinaryOperator kBinaryOperators[] = {
    {TokenKind::Or, "or", 0},       {TokenKind::And, "and", 1},         {TokenKind::EqualEqual, "==", 3},
    {TokenKind::NotEqual, "!=", 3}, {TokenKind::Less, "<", 3},          {TokenKind::LessEqual, "<=", 3},
    {TokenKind::Greater, ">", 3},   {TokenKind::GreaterEqual, ">=", 3}, {TokenKind::Plus, "+", 4},
    {TokenKind::Minus, "-", 4},     {TokenKind::Star, "*", 5},          {TokenKind::Slash, "/", 5},
    {TokenKind::At, "@", 5},
};

static const BinaryOperator* find_operator(TokenKind kind) {
  for (const BinaryOperator& entry : kBinaryOperators) {
    if (entry.token == kind) return &entry;
  }
  return nullptr;
}

ExprPtr Parser::parse_binary(int min_precedence) {
  uint32_t begin = peek().span.begin;
  ExprPtr left;
  if (at(TokenKind::Not) && min_precedence <= kNotPrecedence) {
    if (!enter()) return error_expr();
    take();
    left = make(ExprKind::Unary, begin, list_of(parse_binary(kNotPrecedence)));
    left->text = "not";
    leave();
  } else {
    left = parse_unary();
  }
  while (!failed_) {
    const BinaryOperator* found = find_operator(peek().kind);
    if (!found || found->precedence < min_precedence) break;
    Span operator_span = take().span;
    ExprPtr right = parse_binary(found->precedence + 1);
    left = make(ExprKind::Binary, begin, list_of(std::move(left), std::move(right)));
    left->text = found->text;
    if (found->precedence == 3 && find_operator(peek().kind) && find_operator(peek().kind)->precedence == 3) {
      fail(operator_span, "comparisons do not chain; join two of them by `and`");
    }
  }
  return left;
}

ExprPtr Parser::parse_unary() {
  uint32_t begin = peek().span.begin;
  if (!accept(TokenKind::Minus)) return parse_power();
  if (!enter()) return error_expr();
  ExprPtr expr = make(ExprKind::Unary, begin, list_of(parse_unary()));
  expr->text = "-";
  leave();
  return expr;
}

ExprPtr Parser::parse_power() {
  uint32_t begin = peek().span.begin;
  ExprPtr base = parse_postfix();
  if (failed_ || !accept(TokenKind::Caret)) return base;
  if (!enter()) return error_expr();
  ExprPtr power = make(ExprKind::Binary, begin, list_of(std::move(base), parse_unary()));  // right-associative
  power->text = "^";
  leave();
  return power;
}

ExprPtr Parser::parse_postfix() {
  uint32_t begin = peek().span.begin;
  ExprPtr expr = parse_primary();
  while (!failed_) {
    // At the start of a line a bracket opens a new statement, it does not continue this one.
    bool is_call = at(TokenKind::LeftParen) && !peek().starts_line;
    bool is_bracket = at(TokenKind::LeftBracket) && !peek().starts_line;
    if (is_call || is_bracket) {
      take();
      std::vector<ast::Arg> args = parse_args(is_call ? TokenKind::RightParen : TokenKind::RightBracket);
      ExprPtr outer = make(is_call ? ExprKind::Call : ExprKind::Bracket, begin, list_of(std::move(expr)));
      for (const ast::Arg& arg : args) outer->height = std::max(outer->height, arg.value->height + 1);
      outer->args = std::move(args);
      expr = limit_height(std::move(outer));
    } else if (at(TokenKind::As)) {
      take();
      expr->instance = parse_name("the layer's name");
      expr->span = span_from(begin);
      break;
    } else {
      break;
    }
  }
  return expr;
}

std::vector<ast::Arg> Parser::parse_args(TokenKind close) {
  std::vector<ast::Arg> args;
  while (!failed_ && !at(close)) {
    ast::Arg arg;
    if (at(TokenKind::Name) && peek(1).kind == TokenKind::Equal) {
      arg.name = parse_name("an argument's name");
      take();
    }
    arg.value = parse_element();
    args.push_back(std::move(arg));
    if (!accept(TokenKind::Comma)) break;
  }
  expect(close, "after the arguments");
  return args;
}

ExprPtr Parser::parse_element() {
  uint32_t begin = peek().span.begin;
  if (accept(TokenKind::DotDot)) return make(ExprKind::Ellipsis, begin);
  ExprPtr first = parse_expr();
  if (failed_) return first;
  if (accept(TokenKind::DotDot)) return make(ExprKind::Range, begin, list_of(std::move(first), parse_expr()));
  if (accept(TokenKind::Arrow)) return make(ExprKind::Arrow, begin, list_of(std::move(first), parse_expr()));
  return first;
}

ExprPtr Parser::parse_primary() {
  uint32_t begin = peek().span.begin;
  switch (peek().kind) {
    case TokenKind::Integer:
    case TokenKind::Real: {
      Token token = take();
      ExprPtr expr = make(ExprKind::Number, begin);
      expr->is_integer = token.kind == TokenKind::Integer;
      expr->integer = token.integer;
      expr->real = token.real;
      return expr;
    }
    case TokenKind::String:
    case TokenKind::Name: {
      if (at_word("scan") && peek(1).kind == TokenKind::Name && !peek(1).starts_line) return parse_scan();
      if (peek().starts_line && peek(1).kind == TokenKind::Name && !peek(1).starts_line) {
        fail(tokens_[position_ - 1].span,
             fmt::format("expected an expression after this, found a new statement, `{} {}`", peek().text,
                         peek(1).text));
        return error_expr();
      }
      bool is_name = at(TokenKind::Name);
      std::string text = take().text;
      ExprPtr expr = make(is_name ? ExprKind::Name : ExprKind::String, begin);
      expr->text = std::move(text);
      return expr;
    }
    case TokenKind::True:
    case TokenKind::False: {
      bool value = take().kind == TokenKind::True;
      ExprPtr expr = make(ExprKind::Bool, begin);
      expr->integer = value;
      return expr;
    }
    case TokenKind::LeftParen:
      return parse_group();
    case TokenKind::LeftBracket:
      return parse_list();
    case TokenKind::If:
      return parse_if();
    case TokenKind::For:
      fail(peek().span,
           "`for` stands where a value is expected; it repeats stages of a pipe: "
           "`x |> for F in [32, 64] { dense[F] |> relu }`");
      return error_expr();
    default:
      fail(peek().span, fmt::format("expected an expression, found {}", describe(peek().kind)));
      return error_expr();
  }
}

// (a) is a; (a, b) is a tuple.
ExprPtr Parser::parse_group() {
  uint32_t begin = take().span.begin;
  std::vector<ExprPtr> parts;
  bool is_tuple = false;
  while (!failed_ && !at(TokenKind::RightParen)) {
    parts.push_back(parse_expr());
    if (!accept(TokenKind::Comma)) break;
    is_tuple = true;
  }
  if (!expect(TokenKind::RightParen, "after the expression")) return error_expr();
  if (parts.size() == 1 && !is_tuple) return std::move(parts[0]);
  if (parts.empty()) fail(span_from(begin), "`()` holds no value");
  return make(ExprKind::Tuple, begin, std::move(parts));
}

ExprPtr Parser::parse_list() {
  uint32_t begin = take().span.begin;
  std::vector<ExprPtr> parts;
  while (!failed_ && !at(TokenKind::RightBracket)) {
    parts.push_back(parse_element());
    if (!accept(TokenKind::Comma)) break;
  }
  expect(TokenKind::RightBracket, "after the list");
  return make(ExprKind::List, begin, std::move(parts));
}

static uint32_t block_height(const ast::Block* block) {
  uint32_t height = 0;
  if (!block) return height;
  for (const ast::Stmt& stmt : block->statements) {
    if (stmt.value) height = std::max(height, stmt.value->height);
    if (stmt.condition) height = std::max(height, stmt.condition->height);
  }
  return height;
}

ExprPtr Parser::parse_if() {
  uint32_t begin = take().span.begin;
  if (!enter()) return error_expr();
  ExprPtr condition = parse_then();
  ast::BlockPtr body = failed_ ? nullptr : parse_block();
  ast::BlockPtr otherwise;
  if (!failed_ && accept(TokenKind::Else)) {
    if (at(TokenKind::If)) {
      otherwise = std::make_unique<ast::Block>();
      ast::Stmt stmt;
      stmt.kind = ast::StmtKind::Expr;
      stmt.value = parse_if();
      stmt.span = stmt.value->span;
      otherwise->span = stmt.span;
      otherwise->statements.push_back(std::move(stmt));
    } else {
      otherwise = parse_block();
    }
  }
  leave();
  ExprPtr expr = make(ExprKind::If, begin, list_of(std::move(condition)));
  expr->height = std::max({expr->height, block_height(body.get()) + 1, block_height(otherwise.get()) + 1});
  expr->body = std::move(body);
  expr->otherwise = std::move(otherwise);
  return limit_height(std::move(expr));
}

// scan t in T reverse if backward unroll 4, carry h: f32[B, H] = 0, c = c0 { .. }
ExprPtr Parser::parse_scan() {
  uint32_t begin = take().span.begin;
  if (!enter()) return error_expr();
  auto head = std::make_unique<ast::ScanHead>();
  head->index = parse_name("the loop's index");
  expect(TokenKind::In, "after the loop's index");
  ExprPtr length = failed_ ? error_expr() : parse_binary(0);
  if (!failed_ && at_word("reverse")) {
    take();
    head->is_reverse = true;
    if (accept(TokenKind::If)) head->reverse_if = parse_then();
  }
  if (!failed_ && at_word("unroll")) {
    take();
    head->unrolls_all = at_word("all");
    if (head->unrolls_all)
      take();
    else
      head->unroll = parse_binary(0);
  }
  ExprPtr expr = make(ExprKind::Scan, begin, list_of(std::move(length)));
  expr->text = head->index.text;
  expr->scan = std::move(head);
  parse_carries(*expr);
  expr->body = failed_ ? nullptr : parse_block();
  leave();
  expr->height = std::max(expr->height, block_height(expr->body.get()) + 1);
  expr->span = span_from(begin);
  return limit_height(std::move(expr));
}

// , carry h: f32[B, H] = 0, c = c0
void Parser::parse_carries(ast::Expr& scan) {
  bool is_first = true;
  while (accept(TokenKind::Comma)) {
    bool has_word = at_word("carry") && peek(1).kind == TokenKind::Name;
    if (has_word) take();
    if (is_first && !has_word && !failed_) {
      fail(peek().span, fmt::format("expected `carry h: f32[B, H] = 0`, found {}", describe(peek().kind)));
    }
    is_first = false;
    ast::Arg carry;
    std::optional<ast::TypeExpr> type;
    carry.name = parse_name("a carry's name");
    if (accept(TokenKind::Colon)) type = parse_type();
    expect(TokenKind::Equal, "after the carry: what it is at first");
    carry.value = failed_ ? error_expr() : parse_expr();
    scan.height = std::max(scan.height, carry.value->height + 1);
    scan.args.push_back(std::move(carry));
    scan.scan->types.push_back(std::move(type));
  }
}

ExprPtr Parser::parse_stage() {
  if (at(TokenKind::For)) return parse_for_stage();
  ExprPtr stage = parse_postfix();
  bool is_stage = stage->kind == ExprKind::Name || stage->kind == ExprKind::Call || stage->kind == ExprKind::Bracket;
  if (!is_stage) fail(stage->span, "a stage of a pipe is a layer or a function, such as `dense[64]` or `relu`");
  return stage;
}

ExprPtr Parser::parse_for_stage() {
  uint32_t begin = take().span.begin;
  if (!enter()) return error_expr();
  ast::Name variable = parse_name("the loop's variable");
  expect(TokenKind::In, "after the loop's variable");
  std::vector<ExprPtr> parts;
  parts.push_back(failed_ ? error_expr() : parse_element());
  expect(TokenKind::LeftBrace, "before the loop's stages");
  accept(TokenKind::PipeTo);
  do {
    if (!failed_) parts.push_back(parse_stage());
  } while (!failed_ && accept(TokenKind::PipeTo));
  expect(TokenKind::RightBrace, "after the loop's stages");
  leave();
  ExprPtr expr = make(ExprKind::For, begin, std::move(parts));
  expr->text = variable.text;
  return expr;
}

}  // namespace tarn
