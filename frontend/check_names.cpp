// A walk over each body with the names that are visible there.  Names in capitals are left alone: they are dimensions,
// which types bind.
#include "frontend/check_names.h"

#include <fmt/format.h>

#include "frontend/builtins.h"
#include "frontend/foreign_names.h"

namespace tarn {

using ast::Expr;
using ast::ExprKind;

namespace {

class NameChecker {
 public:
  explicit NameChecker(Session& session) : session_(session) {
    names_ = session.declared_names();
    for (const Builtin& builtin : all_builtins()) names_.push_back(builtin.name);
    for (const char* name : {"training", "pi", "inf", "fan_in", "fan_out", "step", "epoch", "total_steps"})
      names_.push_back(name);
    global_count_ = names_.size();
    globals_.insert(names_.begin(), names_.end());
  }

  void check(const ast::Decl& decl) {
    if (!decl.body) return;
    names_.resize(global_count_);
    for (const auto* params : {&decl.statics, &decl.supplied, &decl.params}) {
      for (const ast::Param& param : *params) names_.push_back(param.name.text);
    }
    for (const ast::Param& param : decl.statics) check_optional(param.default_value);
    check_block(*decl.body);
  }

 private:
  void check_optional(const ast::ExprPtr& expr) {
    if (expr) check_expr(*expr);
  }

  void check_block(const ast::Block& block) {
    size_t visible = names_.size();
    for (const ast::Stmt& stmt : block.statements) {
      check_optional(stmt.condition);
      check_optional(stmt.value);
      bool is_update = stmt.kind == ast::StmtKind::Update || stmt.kind == ast::StmtKind::Next;
      for (const ast::Name& name : stmt.names) {
        if (!is_update) names_.push_back(name.text);
      }
    }
    names_.resize(visible);
  }

  void check_expr(const Expr& expr) {
    if (expr.kind == ExprKind::Name) return check_name(expr);
    if (expr.kind == ExprKind::Scan) return check_scan(expr);
    if (expr.kind == ExprKind::For) names_.push_back(expr.text);
    for (const ast::ExprPtr& part : expr.parts) check_expr(*part);
    for (const ast::Arg& arg : expr.args) {
      bool is_axes = arg.name.text == "over" || arg.name.text == "axis";
      if (!is_axes) check_expr(*arg.value);
    }
    if (expr.body) check_block(*expr.body);
    if (expr.otherwise) check_block(*expr.otherwise);
    if (expr.kind == ExprKind::For) names_.pop_back();
  }

  // Carries are visible after the loop too, its index is not.
  void check_scan(const Expr& expr) {
    check_expr(*expr.parts[0]);
    check_optional(expr.scan->reverse_if);
    check_optional(expr.scan->unroll);
    for (const ast::Arg& carry : expr.args) check_expr(*carry.value);
    for (const ast::Arg& carry : expr.args) names_.push_back(carry.name.text);
    names_.push_back(expr.text);
    check_block(*expr.body);
    names_.pop_back();
  }

  void check_name(const Expr& expr) {
    bool is_dimension = expr.text[0] >= 'A' && expr.text[0] <= 'Z';
    if (is_dimension || globals_.count(expr.text)) return;
    for (size_t i = global_count_; i < names_.size(); ++i) {
      if (names_[i] == expr.text) return;
    }
    session_.error(expr.span, no_such_name(expr.text, names_), "name.unknown");
  }

  Session& session_;
  std::vector<std::string> names_;  // globals, then what is visible at the place of the walk
  size_t global_count_ = 0;
  std::set<std::string> globals_;
};

}  // namespace

void check_names(Session& session) {
  NameChecker checker(session);
  for (const auto& decl : session.user_file().decls) checker.check(*decl);
}

}  // namespace tarn
