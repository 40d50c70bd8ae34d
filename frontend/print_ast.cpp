// Prints every node with the parentheses that its precedence needs and no others.
#include "frontend/print_ast.h"

#include <fmt/format.h>

#include "ir/attr.h"

namespace tarn {

using ast::Arg;
using ast::Decl;
using ast::DeclKind;
using ast::Entry;
using ast::EntryForm;
using ast::Expr;
using ast::ExprKind;
using ast::Stmt;
using ast::StmtKind;

static std::string print_block(const ast::Block& block, int indent);
static std::string print_entries(const std::vector<Entry>& entries, int indent);

// Binding strength; an operand looser than its operator gets parentheses.
static int precedence(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::Range:
    case ExprKind::Arrow:
      return 0;
    case ExprKind::Pipe:
      return 1;
    case ExprKind::Then:
      return 2;
    case ExprKind::Binary:
      if (expr.text == "or") return 3;
      if (expr.text == "and") return 4;
      if (expr.text == "+" || expr.text == "-") return 7;
      if (expr.text == "*" || expr.text == "/" || expr.text == "@") return 8;
      return expr.text == "^" ? 10 : 6;
    case ExprKind::Unary:
      return expr.text == "not" ? 5 : 9;
    case ExprKind::Error:
    case ExprKind::Number:
    case ExprKind::String:
    case ExprKind::Bool:
    case ExprKind::Name:
    case ExprKind::List:
    case ExprKind::Tuple:
    case ExprKind::Ellipsis:
    case ExprKind::Call:
    case ExprKind::Bracket:
    case ExprKind::If:
    case ExprKind::For:
    case ExprKind::Scan:
      break;
  }
  return expr.instance.text.empty() ? 12 : 11;  // after `as name` no bracket may follow
}

static std::string print_at(const Expr& expr, int min_precedence, int indent);

static std::string print_args(const std::vector<Arg>& args, int indent) {
  std::string out;
  for (const Arg& arg : args) {
    if (!out.empty()) out += ", ";
    if (!arg.name.text.empty()) out += arg.name.text + " = ";
    out += print_at(*arg.value, 0, indent);
  }
  return out;
}

static std::string print_parts(const Expr& expr, size_t first, std::string_view between, int min_precedence,
                               int indent) {
  std::string out;
  for (size_t i = first; i < expr.parts.size(); ++i) {
    if (i > first) out += between;
    out += print_at(*expr.parts[i], min_precedence, indent);
  }
  return out;
}

static std::string print_scan(const Expr& expr, int indent) {
  const ast::ScanHead& head = *expr.scan;
  std::string out = fmt::format("scan {} in {}", expr.text, print_at(*expr.parts[0], 3, indent));
  if (head.is_reverse) out += " reverse";
  if (head.reverse_if) out += " if " + print_at(*head.reverse_if, 2, indent);
  if (head.unrolls_all) out += " unroll all";
  if (head.unroll) out += " unroll " + print_at(*head.unroll, 3, indent);
  for (size_t i = 0; i < expr.args.size(); ++i) {
    out += fmt::format(", {}{}", i == 0 ? "carry " : "", expr.args[i].name.text);
    if (head.types[i]) out += ": " + print_type(*head.types[i]);
    out += " = " + print_at(*expr.args[i].value, 0, indent);
  }
  return out + " " + print_block(*expr.body, indent);
}

static std::string print_node(const Expr& expr, int indent) {
  auto part = [&](size_t i, int min_precedence) { return print_at(*expr.parts[i], min_precedence, indent); };
  switch (expr.kind) {
    case ExprKind::Error:
      return "<error>";
    case ExprKind::Number:
      return expr.is_integer ? fmt::format("{}", expr.integer) : float_text(expr.real);
    case ExprKind::String:
      return quoted(expr.text);
    case ExprKind::Bool:
      return expr.integer ? "true" : "false";
    case ExprKind::Name:
      return expr.text;
    case ExprKind::List:
      return fmt::format("[{}]", print_parts(expr, 0, ", ", 0, indent));
    case ExprKind::Tuple:
      return fmt::format("({}{})", print_parts(expr, 0, ", ", 1, indent), expr.parts.size() == 1 ? "," : "");
    case ExprKind::Range:
      return fmt::format("{}..{}", part(0, 1), part(1, 1));
    case ExprKind::Arrow:
      return fmt::format("{} -> {}", part(0, 1), part(1, 1));
    case ExprKind::Ellipsis:
      return "..";
    case ExprKind::Unary:
      return expr.text == "not" ? "not " + part(0, 5) : "-" + part(0, 9);
    case ExprKind::Binary: {
      int own = precedence(expr);
      if (own == 10) return fmt::format("{}^{}", part(0, 11), part(1, 9));
      return fmt::format("{} {} {}", part(0, own == 6 ? 7 : own), expr.text, part(1, own + 1));
    }
    case ExprKind::Call:
      return fmt::format("{}({})", part(0, 12), print_args(expr.args, indent));
    case ExprKind::Bracket:
      return fmt::format("{}[{}]", part(0, 12), print_args(expr.args, indent));
    case ExprKind::If: {
      std::string out = fmt::format("if {} {}", part(0, 2), print_block(*expr.body, indent));
      return expr.otherwise ? out + " else " + print_block(*expr.otherwise, indent) : out;
    }
    case ExprKind::Pipe:
      return print_parts(expr, 0, " |> ", 2, indent);
    case ExprKind::For:
      return fmt::format("for {} in {} {{ {} }}", expr.text, part(0, 0), print_parts(expr, 1, " |> ", 2, indent));
    case ExprKind::Then:
      return print_parts(expr, 0, " then ", 3, indent);
    case ExprKind::Scan:
      return print_scan(expr, indent);
  }
  return "";
}

static std::string print_at(const Expr& expr, int min_precedence, int indent) {
  std::string out = print_node(expr, indent);
  if (!expr.instance.text.empty()) out += " as " + expr.instance.text;
  return precedence(expr) < min_precedence ? "(" + out + ")" : out;
}

std::string print_expr(const Expr& expr) {
  return print_at(expr, 0, 0);
}

std::string print_type(const ast::TypeExpr& type) {
  std::string out = type.element.text;
  if (type.classes) out += fmt::format("[{}]", print_expr(*type.classes));
  if (!type.has_dims) return out;
  out += '[';
  for (size_t i = 0; i < type.dims.size(); ++i) out += (i ? ", " : "") + print_expr(*type.dims[i]);
  return out + "]";
}

static std::string print_names(const std::vector<ast::Name>& names, bool is_tuple) {
  std::string out;
  for (const ast::Name& name : names) out += (out.empty() ? "" : ", ") + name.text;
  return is_tuple ? "(" + out + ")" : out;
}

static const char* statement_word(StmtKind kind) {
  switch (kind) {
    case StmtKind::Const:
      return "const";
    case StmtKind::Param:
      return "param";
    case StmtKind::State:
      return "state";
    case StmtKind::Let:
      return "let";
    case StmtKind::Update:
      return "update";
    case StmtKind::Return:
      return "return";
    case StmtKind::Use:
      return "use";
    case StmtKind::Require:
      return "require";
    case StmtKind::Next:
      return "next";
    case StmtKind::Yield:
      return "yield";
    case StmtKind::Expr:
    case StmtKind::Error:
      return "";
  }
  return "";
}

static std::string print_stmt(const Stmt& stmt, int indent) {
  std::string value = stmt.value ? print_at(*stmt.value, 0, indent) : "";
  switch (stmt.kind) {
    case StmtKind::Expr:
      return value;
    case StmtKind::Return:
    case StmtKind::Yield:
      return fmt::format("{} {}", statement_word(stmt.kind), value);
    case StmtKind::Require:
      return fmt::format("require {}{}", value, stmt.message.empty() ? "" : ", " + quoted(stmt.message));
    case StmtKind::Error:
      return "<error>";
    case StmtKind::Const:
    case StmtKind::Param:
    case StmtKind::State:
    case StmtKind::Let:
    case StmtKind::Update:
    case StmtKind::Use:
    case StmtKind::Next:
      break;
  }
  std::string out = fmt::format("{} {}", statement_word(stmt.kind), print_names(stmt.names, stmt.is_tuple));
  if (stmt.type) out += ": " + print_type(*stmt.type);
  out += " = " + value;
  if (stmt.condition) out += " if " + print_at(*stmt.condition, 2, indent);
  return out;
}

static std::string print_block(const ast::Block& block, int indent) {
  std::string margin(static_cast<size_t>(indent) + 2, ' ');
  std::string out = "{\n";
  for (const Stmt& stmt : block.statements) out += margin + print_stmt(stmt, indent + 2) + "\n";
  return out + std::string(static_cast<size_t>(indent), ' ') + "}";
}

static std::string print_entry(const Entry& entry, int indent) {
  std::string value = entry.value ? print_at(*entry.value, 0, indent) : "";
  const char* before_patterns = entry.form == EntryForm::Group ? "" : " over ";
  for (size_t i = 0; i < entry.words.size() && entry.form != EntryForm::Words; ++i) {
    value += (i == 0 ? before_patterns : ", ") + print_at(*entry.words[i], 0, indent);
  }
  switch (entry.form) {
    case EntryForm::Assign:
      return fmt::format("{} = {}{}", entry.key.text, value,
                         entry.has_entries ? " " + print_entries(entry.entries, indent) : "");
    case EntryForm::Named:
      return fmt::format("{} {} = {}", entry.key.text, entry.names[0].text, value);
    case EntryForm::Let:
      return fmt::format("let {} = {}", print_names(entry.names, entry.is_tuple), value);
    case EntryForm::Group:
      return fmt::format("{} {}: {}", entry.key.text, value, print_args(entry.settings, indent));
    case EntryForm::Field:
      return fmt::format("{}: {} = {}", entry.key.text, print_type(*entry.type), value);
    case EntryForm::Words: {
      std::string out = entry.key.text;
      for (const ast::ExprPtr& word : entry.words) {
        bool is_next_pattern = word != entry.words[0] && word->kind == ExprKind::String;
        out += (is_next_pattern ? ", " : " ") +
               (word->kind == ExprKind::Range ? print_at(*word, 0, indent) : print_at(*word, 11, indent));
      }
      return out;
    }
  }
  return "";
}

static std::string print_entries(const std::vector<Entry>& entries, int indent) {
  std::string margin(static_cast<size_t>(indent) + 2, ' ');
  std::string out = "{\n";
  for (const Entry& entry : entries) out += margin + print_entry(entry, indent + 2) + "\n";
  return out + std::string(static_cast<size_t>(indent), ' ') + "}";
}

static std::string print_params(const std::vector<ast::Param>& params) {
  std::string out;
  for (const ast::Param& param : params) {
    if (!out.empty()) out += ", ";
    out += param.name.text;
    if (param.type) out += ": " + print_type(*param.type);
    if (param.default_value) out += " = " + print_expr(*param.default_value);
  }
  return out;
}

static std::string print_decl(const Decl& decl) {
  std::string out = fmt::format("{} {}", ast::decl_word(decl.kind), decl.name.text);
  if (decl.kind == DeclKind::Train)
    return fmt::format("{} on {} {}", out, decl.on.text, print_entries(decl.entries, 0));
  if (!decl.statics.empty()) out += fmt::format("[{}]", print_params(decl.statics));
  if (decl.has_params) {
    std::string supplied = decl.supplied.empty() ? "" : print_params(decl.supplied) + "; ";
    out += fmt::format("({}{})", supplied, print_params(decl.params));
  }
  if (decl.result) out += " -> " + print_type(*decl.result);
  if (decl.value) out += " = " + print_expr(*decl.value);
  if (decl.kind == DeclKind::Data) return out + " " + print_entries(decl.entries, 0);
  if (!decl.body) return out;
  if (decl.body->is_expression) return out + " = " + print_at(*decl.body->statements[0].value, 0, 0);
  return out + " " + print_block(*decl.body, 0);
}

std::string print_ast(const ast::File& file) {
  std::string out;
  for (const auto& decl : file.decls) out += print_decl(*decl) + "\n";
  return out;
}

}  // namespace tarn
