// Declarations, and the closed blocks of `data`, `train` and `optimizer = ..`.
#include <fmt/format.h>

#include "frontend/parser_impl.h"

namespace tarn {

using ast::Decl;
using ast::DeclKind;
using ast::Entry;
using ast::EntryForm;

struct DeclWord {
  const char* word;
  DeclKind kind;
};
static constexpr DeclWord kDeclWords[] = {
    {"const", DeclKind::Const}, {"hyper", DeclKind::Hyper},       {"fn", DeclKind::Fn},
    {"layer", DeclKind::Layer}, {"model", DeclKind::Model},       {"optimizer", DeclKind::Optimizer},
    {"init", DeclKind::Init},   {"schedule", DeclKind::Schedule}, {"data", DeclKind::Data},
    {"train", DeclKind::Train},
};

const char* ast::decl_word(DeclKind kind) {
  for (const DeclWord& entry : kDeclWords) {
    if (entry.kind == kind) return entry.word;
  }
  return "";
}

static const DeclWord* find_decl_word(const Token& token) {
  for (const DeclWord& entry : kDeclWords) {
    if (token.kind == TokenKind::Name && token.text == entry.word) return &entry;
  }
  return nullptr;
}

void Parser::parse_decls(std::vector<std::unique_ptr<Decl>>& decls) {
  while (!at(TokenKind::End)) {
    while (accept(TokenKind::Semicolon)) {}
    if (at(TokenKind::End)) break;
    size_t before = position_;
    if (std::unique_ptr<Decl> decl = parse_decl()) decls.push_back(std::move(decl));
    if (!failed_ && !at_statement_end()) {
      fail(peek().span, fmt::format("expected a new line after the declaration, found {}", describe(peek().kind)));
    }
    if (failed_) skip_to_decl();
    if (position_ == before) take();
  }
}

// Goes to the next line that opens a declaration.
void Parser::skip_to_decl() {
  depth_ = 0;
  while (!at(TokenKind::End) && !(peek().starts_line && find_decl_word(peek()) && peek(1).kind == TokenKind::Name))
    take();
  failed_ = false;
}

std::unique_ptr<Decl> Parser::parse_decl() {
  const DeclWord* word = find_decl_word(peek());
  if (!word) {
    std::vector<std::string> words;
    for (const DeclWord& entry : kDeclWords) words.push_back(entry.word);
    std::string nearest = at(TokenKind::Name) ? nearest_name(peek().text, words) : "";
    std::string found = at(TokenKind::Name) ? fmt::format("`{}`", peek().text) : describe(peek().kind);
    if (!nearest.empty()) found += fmt::format("; did you mean `{}`?", nearest);
    fail(peek().span, fmt::format("expected a declaration (model, layer, fn, data, train, ...), found {}", found));
    return nullptr;
  }
  auto decl = std::make_unique<Decl>();
  uint32_t begin = take().span.begin;
  decl->kind = word->kind;
  decl->name = parse_name(fmt::format("the {}'s name", word->word));
  switch (word->kind) {
    case DeclKind::Const:
    case DeclKind::Hyper:
      if (expect(TokenKind::Equal, "after the name")) decl->value = parse_expr();
      break;
    case DeclKind::Data:
      parse_data(*decl);
      break;
    case DeclKind::Train:
      parse_train(*decl);
      break;
    case DeclKind::Fn:
    case DeclKind::Layer:
    case DeclKind::Model:
    case DeclKind::Optimizer:
    case DeclKind::Schedule:
    case DeclKind::Init:
      parse_callable(*decl);
      break;
  }
  decl->span = span_from(begin);
  return decl;
}

// name[statics](params) -> type, then `= expr` or `{ .. }`
void Parser::parse_callable(Decl& decl) {
  if (accept(TokenKind::LeftBracket)) decl.statics = parse_params(TokenKind::RightBracket, nullptr);
  if (accept(TokenKind::LeftParen)) {
    decl.has_params = true;
    decl.params = parse_params(TokenKind::RightParen, &decl.supplied);
  } else if (decl.kind != DeclKind::Init) {
    expect(TokenKind::LeftParen, fmt::format("after the {}'s name", ast::decl_word(decl.kind)));
  }
  if (accept(TokenKind::Arrow)) decl.result = parse_type();
  if (failed_) return;
  if (accept(TokenKind::Equal)) {
    decl.body = std::make_unique<ast::Block>();
    decl.body->is_expression = true;
    ast::Stmt stmt;
    stmt.kind = ast::StmtKind::Return;
    stmt.value = parse_expr();
    stmt.span = decl.body->span = stmt.value->span;
    decl.body->statements.push_back(std::move(stmt));
  } else if (at(TokenKind::LeftBrace)) {
    decl.body = parse_block();
  } else {
    fail(peek().span,
         fmt::format("expected `=` or `{{` before the body of `{}`, found {}", decl.name.text, describe(peek().kind)));
  }
}

// a, b: f32[N], c = 1; where `supplied` is given, names before a `;` go there.
std::vector<ast::Param> Parser::parse_params(TokenKind close, std::vector<ast::Param>* supplied) {
  std::vector<ast::Param> params;
  while (!failed_ && !at(close)) {
    params.push_back(parse_param());
    if (supplied && at(TokenKind::Semicolon)) {
      take();
      *supplied = std::move(params);
      params.clear();
      supplied = nullptr;
    } else if (!accept(TokenKind::Comma)) {
      break;
    }
  }
  expect(close, "after the parameters");
  return params;
}

ast::Param Parser::parse_param() {
  ast::Param param;
  param.name = parse_name("a parameter's name");
  if (accept(TokenKind::Colon)) param.type = parse_type();
  if (accept(TokenKind::Equal)) param.default_value = parse_expr();
  return param;
}

std::vector<Entry> Parser::parse_entries(const std::function<void(Entry&)>& parse_one) {
  std::vector<Entry> entries;
  if (!expect(TokenKind::LeftBrace, "before the block") || !enter()) return entries;
  while (accept(TokenKind::Semicolon)) {}
  while (!at(TokenKind::RightBrace) && !at(TokenKind::End)) {
    size_t before = position_;
    Entry entry;
    uint32_t begin = peek().span.begin;
    parse_one(entry);
    entry.span = span_from(begin);
    bool failed = failed_;
    end_statement(failed);
    if (!failed) entries.push_back(std::move(entry));
    if (position_ == before) take();
  }
  expect(TokenKind::RightBrace, "at the end of the block");
  leave();
  return entries;
}

// data mnist = idx("train-*", valid = 0.2) { x: f32[784] = images / 255 }
void Parser::parse_data(Decl& decl) {
  if (expect(TokenKind::Equal, "after the name")) decl.value = parse_postfix();
  if (!failed_) decl.entries = parse_entries([this](Entry& entry) { parse_field(entry); });
}

void Parser::parse_field(Entry& entry) {
  entry.form = EntryForm::Field;
  entry.key = parse_name("a field's name");
  if (expect(TokenKind::Colon, "after the field's name: its type for one row")) entry.type = parse_type();
  if (expect(TokenKind::Equal, "after the field's type")) entry.value = parse_expr();
}

void Parser::parse_train(Decl& decl) {
  if (at_word("on")) {
    take();
    decl.on = parse_name("the data's name");
  } else {
    fail(peek().span,
         fmt::format("expected `on DATA` after `train {}`, found {}", decl.name.text, describe(peek().kind)));
  }
  if (!failed_) decl.entries = parse_entries([this](Entry& entry) { parse_entry(entry); });
}

// loss critic = value over "critic.*", "shared.*": what a loss trains.
// "fc.*", "*.b"
void Parser::parse_patterns(Entry& entry, const char* after) {
  do {
    if (at(TokenKind::String))
      entry.words.push_back(parse_primary());
    else
      fail(peek().span,
           fmt::format("expected a pattern such as \"critic.*\" after {}, found {}", after, describe(peek().kind)));
  } while (!failed_ && accept(TokenKind::Comma));
}

void Parser::parse_over(Entry& entry) {
  if (failed_ || entry.key.text != "loss" || !at_word("over")) return;
  take();
  parse_patterns(entry, "`over`");
}

void Parser::parse_entry(Entry& entry) {
  if (accept(TokenKind::Let)) {
    entry.form = EntryForm::Let;
    entry.key = {"let", peek().span};
    parse_let_names(entry.names, entry.is_tuple);
    if (expect(TokenKind::Equal, "after the name")) entry.value = parse_expr();
    return;
  }
  entry.key = parse_name("a key");
  if (failed_) return;
  if (accept(TokenKind::Equal)) {
    entry.form = EntryForm::Assign;
    entry.value = parse_expr();
    parse_over(entry);
    if (!failed_ && at(TokenKind::LeftBrace) && !peek().starts_line) {
      entry.has_entries = true;
      entry.entries = parse_entries([this](Entry& inner) { parse_entry(inner); });
    }
  } else if (at(TokenKind::Name) && peek(1).kind == TokenKind::Equal && !peek().starts_line) {
    entry.form = EntryForm::Named;
    entry.names.push_back(parse_name("a name"));
    take();
    entry.value = parse_expr();
    parse_over(entry);
  } else if (entry.key.text == "group" && at(TokenKind::String)) {
    entry.form = EntryForm::Group;
    parse_patterns(entry, "`group`");
    if (!failed_) expect(TokenKind::Colon, "after the patterns, as in `group \"*.b\": decay = 0`");
    while (!failed_) {
      ast::Arg setting;
      setting.name = parse_name("the setting's name");
      if (expect(TokenKind::Equal, "after the setting's name")) setting.value = parse_expr();
      entry.settings.push_back(std::move(setting));
      if (!accept(TokenKind::Comma)) break;
    }
  } else {
    entry.form = EntryForm::Words;
    if (entry.key.text == "freeze" && at(TokenKind::String)) parse_patterns(entry, "`freeze`");
    while (!failed_ && !at_statement_end()) {
      uint32_t begin = peek().span.begin;
      ast::ExprPtr word = parse_postfix();
      if (accept(TokenKind::DotDot)) {
        std::vector<ast::ExprPtr> ends;
        ends.push_back(std::move(word));
        ends.push_back(parse_postfix());
        word = make(ast::ExprKind::Range, begin, std::move(ends));
      }
      entry.words.push_back(std::move(word));
    }
  }
}

}  // namespace tarn
