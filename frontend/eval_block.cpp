// Statements: let, use, require, return; what owns storage is in eval_param.cpp, loops are in eval_scan.cpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "frontend/evaluator.h"
#include "frontend/print_ast.h"

namespace tarn {

using ast::Expr;
using ast::ExprKind;
using ast::Stmt;
using ast::StmtKind;

Flow Evaluator::run_block(const ast::Block& block, const FramePtr& frame) {
  Flow flow;
  flow.value.kind = TermKind::Tuple;  // nothing, so far
  for (const Stmt& stmt : block.statements) {
    Span before = session.user_span;
    if (!session.is_library(stmt.span)) session.user_span = stmt.span;
    run_stmt(stmt, frame, flow);
    session.user_span = before;
    if (flow.returned) break;
  }
  return flow;
}

void Evaluator::run_stmt(const Stmt& stmt, const FramePtr& frame, Flow& flow) {
  switch (stmt.kind) {
    case StmtKind::Error:
      return;  // reported by the parser
    case StmtKind::Const:
      frame->names[stmt.names[0].text] = eval_static(*stmt.value, frame);
      return;
    case StmtKind::Param:
    case StmtKind::State:
      run_param(stmt, frame);
      return;
    case StmtKind::Let:
      bind_names(stmt.names, stmt.is_tuple, eval(*stmt.value, frame), frame, stmt.value->span);
      return;
    case StmtKind::Update:
      run_update(stmt, frame);
      return;
    case StmtKind::Use:
      run_use(stmt, frame);
      return;
    case StmtKind::Require:
      if (run_require(stmt, frame)) return;
      flow = {.value = {}, .returned = true};  // what follows rests on it
      return;
    case StmtKind::Return:
      flow.value = eval(*stmt.value, frame);
      flow.returned = true;
      return;
    case StmtKind::Expr:
      flow.value = eval(*stmt.value, frame);
      return;
    case StmtKind::Next:
      run_next(stmt, frame);
      return;
    case StmtKind::Yield:
      run_yield(stmt, frame);
      return;
  }
}

void Evaluator::bind_names(const std::vector<ast::Name>& names, bool is_tuple, Term value, const FramePtr& frame,
                           Span span) {
  for (const ast::Name& name : names) {
    bool is_value = value.is_tensor() || value.kind == TermKind::Tuple;
    if (is_value && !name.text.empty() && name.text[0] >= 'A' && name.text[0] <= 'Z') {
      session.error(name.span, fmt::format("`{}` is a value, but names in capitals are dimensions", name.text),
                    "name.case");
    }
  }
  if (!is_tuple) {
    if (value.is_tensor()) name_value(value, join_path(frame->root->path, names[0].text));
    frame->names[names[0].text] = std::move(value);
    return;
  }
  bool is_fit = value.kind == TermKind::Tuple && value.items.size() == names.size();
  if (!is_fit && !value.is_error()) {
    session.error(span, fmt::format("{} names are bound, but the value is {}", names.size(), describe(value)),
                  "let.C1");
  }
  for (size_t i = 0; i < names.size(); ++i) frame->names[names[i].text] = is_fit ? value.items[i] : Term{};
}

void Evaluator::name_value(const Term& term, const std::string& name) {
  if (!term.is_tensor() || term.owner != &emit.func()) return;
  for (const Argument& argument : emit.func().args) {
    if (argument.value == term.value) return;
  }
  if (!named_values_.insert(term.value.index).second) return;
  emit.func().rename(term.value, name);
}

// use f = dense[64]: one instance, shared by all its calls.
void Evaluator::run_use(const Stmt& stmt, const FramePtr& frame) {
  const std::string& name = stmt.names[0].text;
  Term callee = eval(*stmt.value, frame);
  bool is_layer = callee.kind == TermKind::Callable && callee.decl &&
                  (callee.decl->kind == ast::DeclKind::Layer || callee.decl->kind == ast::DeclKind::Model);
  if (!is_layer && !callee.is_error()) {
    session.error(stmt.value->span, fmt::format("`use` makes an instance of a layer, but this is {}", describe(callee)),
                  "use.C1");
  }
  if (is_layer && !frame->root->instances.insert(name).second) {
    session.error(stmt.names[0].span, fmt::format("`{}` already names another layer here", name), "name.duplicate");
  }
  if (is_layer) callee.instance = join_path(frame->root->path, name);
  frame->names[name] = is_layer ? callee : Term{};
}

// The names that an expression calculates with, each once.
static void collect_names(const Expr& expr, std::vector<const Expr*>& names) {
  auto is_known = [&](const Expr* name) { return name->text == expr.text; };
  if (expr.kind == ExprKind::Name && std::none_of(names.begin(), names.end(), is_known)) names.push_back(&expr);
  for (size_t i = expr.kind == ExprKind::Call ? 1 : 0; i < expr.parts.size(); ++i) collect_names(*expr.parts[i], names);
  for (const ast::Arg& arg : expr.args) collect_names(*arg.value, names);
}

// "D is 64, Heads is 5": of the names in the condition, those that are numbers, texts or lists.
std::string Evaluator::values_in(const Expr& condition, const FramePtr& frame) {
  std::vector<const Expr*> names;
  collect_names(condition, names);
  std::vector<std::string> values;
  for (const Expr* name : names) {
    Term value = eval_static(*name, frame);
    bool says_itself = value.kind == TermKind::Text && value.text == name->text;  // const same = "same"
    if (!says_itself && (value.is_literal() || value.kind == TermKind::Text || value.kind == TermKind::List))
      values.push_back(fmt::format("{} is {}", name->text, describe(value)));
  }
  return fmt::format("{}", fmt::join(values, ", "));
}

// require rate < 1, "the rate is below 1": a rule of a layer, labelled after its arguments' rules.
bool Evaluator::run_require(const Stmt& stmt, const FramePtr& frame) {
  Frame& root = *frame->root;
  int number = ++root.requirements + (root.decl ? static_cast<int>(root.decl->params.size()) : 0);
  Term condition = eval_static(*stmt.value, frame);
  if (condition.is_error() || (condition.is_literal() && condition.number() != 0)) return true;
  std::string text = stmt.message.empty() ? print_expr(*stmt.value) : stmt.message;
  std::string values = values_in(*stmt.value, frame);
  Span span = session.calls.empty() ? stmt.span : session.calls.back().span;
  session.error(span, fmt::format("{}: {}{}{}", root.what, text, values.empty() ? "" : ", but ", values),
                fmt::format("{}.C{}", root.decl ? root.decl->name.text : "require", number));
  return false;
}

}  // namespace tarn
