// Schedules: numbers that change with the step, one after another by `then`.
#include <fmt/format.h>

#include "frontend/call.h"
#include "frontend/print_ast.h"

namespace tarn {

using ast::DeclKind;
using ast::Expr;
using ast::ExprKind;

// `cosine(1e-3 -> 1e-5)` is `cosine(1e-3, 1e-5)`.
Term Evaluator::apply_schedule(const Call& call) {
  const ast::Decl& decl = *call.callee.decl;
  if (!schedule_) {
    session.error(call.span,
                  fmt::format("{} stands only in an optimizer's arguments", words(decl.kind, decl.name.text)),
                  "schedule.place");
    return {};
  }
  FramePtr frame = make_frame(FrameKind::Schedule, &decl);
  frame->what = words(decl.kind, decl.name.text);
  std::vector<Term> given;
  for (const ast::Arg& arg : call.written()) {
    std::vector<const Expr*> values = {arg.value.get()};
    if (arg.value->kind == ExprKind::Arrow) values = {arg.value->parts[0].get(), arg.value->parts[1].get()};
    for (const Expr* value : values) {
      Term term = eval(*value, call.frame);
      if (term.is_error()) return {};
      std::string name = arg.name.text;
      bool is_known = false;
      if (name.empty() && given.size() < decl.params.size()) name = decl.params[given.size()].name.text;
      if (arg.name.text.empty()) given.push_back(term);
      for (const ast::Param& param : decl.params) is_known = is_known || param.name.text == name;
      if (!is_known || frame->names.count(name)) {
        session.error(arg.value->span, fmt::format("{} takes {} arguments", frame->what, decl.params.size()),
                      "call.args");
        return {};
      }
      frame->names[name] = term;
    }
  }
  std::vector<Term> supplied = {schedule_->step, schedule_->total};
  if (schedule_->next) supplied.push_back(*schedule_->next);
  for (size_t i = 0; i < decl.supplied.size(); ++i) {
    if (i >= supplied.size()) {
      session.error(call.span, fmt::format("{} leads to another schedule: join one by `then`", frame->what),
                    "schedule.then");
      return {};
    }
    frame->names[decl.supplied[i].name.text] = supplied[i];
  }
  for (const ast::Param& param : decl.params) {
    if (frame->names.count(param.name.text)) continue;
    if (!param.default_value) {
      session.error(call.span, fmt::format("{} needs its argument `{}`", frame->what, param.name.text), "call.args");
      return {};
    }
    frame->names[param.name.text] = eval(*param.default_value, frame);
  }
  if (!decl.body) return {};
  CallGuard guard(*this, frame->what, call.span);
  return run_block(*decl.body, frame).value;
}

Term Evaluator::eval_schedule(const Expr& expr, const FramePtr& frame, const Term& step, const Term& total) {
  std::optional<ScheduleContext> outer = std::move(schedule_);
  schedule_ = ScheduleContext{step, total, std::nullopt};
  Term value = eval(expr, frame);
  schedule_ = std::move(outer);
  return value;
}

// a then b: a for as many steps as its argument `steps` says, leading to the first value of b; then b for the rest.
Term Evaluator::eval_then(const Expr& expr, size_t first, const FramePtr& frame, const Term& step, const Term& total) {
  std::optional<ScheduleContext> outer = schedule_;
  const Expr& part = *expr.parts[first];
  schedule_ = ScheduleContext{step, total, std::nullopt};
  if (first + 1 == expr.parts.size()) {
    Term value = eval(part, frame);
    schedule_ = outer;
    return value;
  }
  const Expr* steps = nullptr;
  Term callee = part.kind == ExprKind::Call ? eval(*part.parts[0], frame) : Term{};
  if (callee.kind == TermKind::Callable && callee.decl && callee.decl->kind == DeclKind::Schedule) {
    for (size_t i = 0; i < callee.decl->params.size(); ++i) {
      if (callee.decl->params[i].name.text != "steps") continue;
      if (i < part.args.size() && part.args[i].name.text.empty()) steps = part.args[i].value.get();
      for (const ast::Arg& arg : part.args) {
        if (arg.name.text == "steps") steps = arg.value.get();
      }
    }
  }
  if (!steps) {
    session.error(part.span,
                  fmt::format("`{}` has no argument `steps`, so `then` does not know where it ends", print_expr(part)),
                  "schedule.then");
    schedule_ = outer;
    return {};
  }
  Term length = eval(*steps, frame);
  Term rest = emit.arithmetic("sub", "then", total, length, part.span);
  Term next = eval_then(expr, first + 1, frame, integer_term(0), rest);
  schedule_ = ScheduleContext{step, length, next};
  Term before = eval(part, frame);
  Term later_step =
      emit.arithmetic("max", "then", emit.arithmetic("sub", "then", step, length, part.span), real_term(0), part.span);
  Term after = eval_then(expr, first + 1, frame, later_step, rest);
  schedule_ = outer;
  return emit.select(emit.compare("lt", "then", step, length, part.span), before, after, expr.span);
}

}  // namespace tarn
