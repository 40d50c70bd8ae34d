// Names: of the block, the declaration, the data, the file, the library; constants and hypers.
#include <fmt/format.h>

#include <cmath>

#include "frontend/data.h"
#include "frontend/data_format.h"
#include "frontend/evaluator.h"
#include "frontend/foreign_names.h"

namespace tarn {

using ast::Expr;

std::optional<Term> Evaluator::find_local(const std::string& name, const FramePtr& frame) {
  for (Frame* at = frame; at; at = at->outer) {
    if (auto found = at->names.find(name); found != at->names.end()) return found->second;
    if (!at->data) continue;
    for (const ast::Entry& field : at->data->entries) {
      if (field.key.text != name) continue;
      Term value = data_field(*at->data, field);
      at->names[name] = value;
      return value;
    }
  }
  return std::nullopt;
}

// A name's meaning at the place where it is used.
Term Evaluator::use_term(const Term& term, const std::string& name, Span span, Mode mode) {
  if (term.is_tensor() && term.owner != &emit.func()) {
    session.error(span, fmt::format("an initial value cannot depend on `{}`, a value of the training step", name),
                  "init.C1");
    return {};
  }
  if (term.kind == TermKind::Closure && init_) {
    // Evaluated where it was written, for the parameter at hand.
    return eval(*term.expr, term.frame);
  }
  if (mode == Mode::Value && term.kind == TermKind::Integer && term.from_batch) {
    if (term.is_dimension) return emit.batch_axis_rows(term.integer);
    session
        .error(span,
               fmt::format("`{}` was computed from the size of the batch, of which fewer rows may be valid", name),
               "batch.static")
        .help({}, "write the expression here: in it, B is the number of valid rows");
    return {};
  }
  return term;
}

Term Evaluator::eval_name(const Expr& expr, const FramePtr& frame, Mode mode) {
  const std::string& name = expr.text;
  if (std::optional<Term> local = find_local(name, frame)) return use_term(*local, name, expr.span, mode);
  if (frame->kind == FrameKind::Data) {
    if (name == "cols") {
      Term columns;
      columns.kind = TermKind::Columns;
      return columns;
    }
    if (is_byte_source(name)) return source_tensor(frame, name, {{"source", name}}, 0, expr.span);
  }
  if (init_ && name == "fan_in") return integer_term(init_->fan_in);
  if (init_ && name == "fan_out") return integer_term(init_->fan_out);
  Term global = find_global(name, expr.span, mode);
  if (!global.is_error() || global.text == "reported") return global;
  return unknown_name(name, expr.span, frame);
}

// What stands before `(`: a number or tensor of that name hides no function.
Term Evaluator::eval_callee(const Expr& expr, const FramePtr& frame, Mode mode) {
  if (expr.kind != ast::ExprKind::Name) return eval(expr, frame, mode);
  std::optional<Term> local = find_local(expr.text, frame);
  bool is_value = local && (local->is_tensor() || local->is_literal() || local->kind == TermKind::Text ||
                            local->kind == TermKind::List || local->kind == TermKind::Tuple);
  const ast::Decl* decl = session.find(expr.text, expr.span);
  bool is_function = find_builtin(expr.text) || (decl && decl->kind != ast::DeclKind::Const);
  return is_value && is_function ? find_global(expr.text, expr.span, mode) : eval(expr, frame, mode);
}

// An error term with text "reported" where the name is known but wrong; a plain one where there is no such name.
Term Evaluator::find_global(const std::string& name, Span span, Mode mode) {
  Term reported;
  reported.text = "reported";
  if (name == "training") return bool_term(emit.training);
  if (name == "pi") return real_term(3.14159265358979323846);
  if (name == "inf") return real_term(HUGE_VAL);
  if (schedule_ && (name == "step" || name == "total_steps" || name == "epoch")) {
    if (name == "step") return schedule_->step;
    return emit.number_argument(name, name == "epoch" ? Role::Epoch : Role::TotalSteps);
  }
  if (const ast::Decl* decl = session.find(name, span)) {
    if (decl->kind == ast::DeclKind::Const) {
      Term value = use_term(eval_const(*decl), name, span, mode);
      return value.is_error() ? reported : value;
    }
    if (decl->kind == ast::DeclKind::Hyper) {
      Term value = eval_hyper(*decl, span, mode);
      return value.is_error() ? reported : value;
    }
    Term callable;
    callable.kind = TermKind::Callable;
    callable.decl = decl;
    if (decl->kind == ast::DeclKind::Init && init_) {
      Call call{callable, std::nullopt, nullptr, nullptr, {}, span};
      Term value = apply_init(call);
      return value.is_error() ? reported : value;
    }
    return callable;
  }
  if (const Builtin* builtin = find_builtin(name)) {
    Term callable;
    callable.kind = TermKind::Callable;
    callable.builtin = builtin;
    return callable;
  }
  return {};
}

Term Evaluator::unknown_name(const std::string& name, Span span, const FramePtr& frame) {
  std::vector<std::string> candidates = session.declared_names();
  for (const Builtin& builtin : all_builtins()) candidates.push_back(builtin.name);
  for (Frame* at = frame; at; at = at->outer) {
    for (const auto& [local, term] : at->names) candidates.push_back(local);
    if (!at->data) continue;
    for (const ast::Entry& field : at->data->entries) candidates.push_back(field.key.text);
  }
  if (frame->kind == FrameKind::Data) {
    std::vector<std::string_view> sources = byte_sources_of(*frame->root->decl);
    candidates.insert(candidates.end(), sources.begin(), sources.end());
    candidates.emplace_back("cols");
  }
  session.error(span, no_such_name(name, candidates), "name.unknown");
  return {};
}

Term Evaluator::eval_const(const ast::Decl& decl) {
  if (auto found = constants_.find(&decl); found != constants_.end()) return found->second;
  if (!evaluating_.insert(&decl).second) {
    session.error(decl.name.span, fmt::format("`{}` is defined by itself", decl.name.text), "const.cycle");
    return {};
  }
  FramePtr frame = make_frame(FrameKind::Function, &decl);
  Term value = eval_static(*decl.value, frame);
  auto define = session.options().defines.find(decl.name.text);
  if (define != session.options().defines.end()) {
    const std::string& text = define->second;
    char* end = nullptr;
    long long integer = std::strtoll(text.c_str(), &end, 10);
    if (!text.empty() && *end == '\0') {
      value = integer_term(integer, decl.name.span);
    } else if (double real = std::strtod(text.c_str(), &end); !text.empty() && *end == '\0') {
      value = real_term(real);
    } else if (text == "true" || text == "false") {
      value = bool_term(text == "true");
    } else {
      value = text_term(text);
    }
  }
  evaluating_.erase(&decl);
  constants_[&decl] = value;
  return value;
}

Term Evaluator::eval_hyper(const ast::Decl& decl, Span span, Mode mode) {
  if (mode == Mode::Static) {
    session
        .error(span,
               fmt::format("`{}` is a hyper, a number set at run time, but a constant is needed here", decl.name.text),
               "static.needed")
        .help(decl.span, "declare it as `const`; `tarn build -D` then sets it");
    return {};
  }
  Term value = eval_static(*decl.value, make_frame(FrameKind::Function, &decl));
  if (value.is_error()) return {};
  if (!value.is_number()) {
    session.error(decl.value->span, fmt::format("a hyper is a number, but this is {}", describe(value)), "hyper.C1");
    return {};
  }
  Term argument = emit.argument(decl.name.text, Role::Hyper, DType::F64, {}, value.number());
  argument.weak = true;
  return argument;
}

}  // namespace tarn
