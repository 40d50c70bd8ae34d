// Initialisers: kept as written until a parameter needs its first value, then evaluated for it.
#include <fmt/format.h>

#include "frontend/call.h"
#include "frontend/print_ast.h"

namespace tarn {

using ast::DeclKind;
using ast::Expr;
using ast::ExprKind;

// Whether an argument draws initial values, so that it is kept as written until the parameter is known.
bool Evaluator::is_initialiser(const Expr& expr, const FramePtr& frame) {
  if (expr.kind == ExprKind::Name) {
    if (std::optional<Term> local = find_local(expr.text, frame)) return local->kind == TermKind::Closure;
    const ast::Decl* decl = session.find(expr.text, expr.span);
    return decl ? decl->kind == DeclKind::Init : expr.text == "uniform" || expr.text == "normal";
  }
  if (expr.kind != ExprKind::Call && expr.kind != ExprKind::Bracket && expr.kind != ExprKind::Binary &&
      expr.kind != ExprKind::Unary) {
    return false;
  }
  for (const ast::ExprPtr& part : expr.parts) {
    if (is_initialiser(*part, frame)) return true;
  }
  return false;
}

Term Evaluator::eval_static_arg(const Expr& expr, const FramePtr& frame) {
  if (!is_initialiser(expr, frame)) return eval_static(expr, frame);
  if (expr.kind == ExprKind::Name) {
    if (std::optional<Term> local = find_local(expr.text, frame)) return *local;
  }
  Term closure;
  closure.kind = TermKind::Closure;
  closure.expr = &expr;
  closure.frame = frame;
  closure.text = print_expr(expr);
  return closure;
}

// What `normal_like` of `normal_like[..]` stands for while a parameter gets its first value.
std::optional<Term> Evaluator::find_initialiser(const Expr& expr, const FramePtr& frame) {
  if (expr.kind != ExprKind::Name || !init_) return std::nullopt;
  if (std::optional<Term> local = find_local(expr.text, frame)) {
    return local->kind == TermKind::Closure ? local : std::nullopt;
  }
  const ast::Decl* decl = session.find(expr.text, expr.span);
  if (!decl || decl->kind != ast::DeclKind::Init) return std::nullopt;
  Term callee;
  callee.kind = TermKind::Callable;
  callee.decl = decl;
  return callee;
}

// An initialiser: evaluated for the parameter at hand, or kept as written where there is none yet.
Term Evaluator::apply_init(const Call& call) {
  if (!init_) {
    session.error(call.span, "an initialiser stands after `param w: .. =` or as a static argument", "init.C2");
    return {};
  }
  std::optional<InitContext> outer = init_;
  std::map<std::string, Term> statics;
  Term result;
  bool is_sound = true;
  const ast::Decl* decl = call.callee.decl;
  FramePtr inner = decl ? make_frame(FrameKind::Init, decl) : nullptr;
  size_t position = 0;
  for (const ast::Arg& arg : call.written()) {
    const std::string& name = arg.name.text;
    bool is_size = name == "fan_in" || name == "fan_out";
    Term value = eval(*arg.value, call.frame, is_size ? Mode::Static : Mode::Value);
    if (value.is_error()) {
      is_sound = false;
    } else if (name == "fan_in" && value.kind == TermKind::Integer) {
      init_->fan_in = value.integer;
    } else if (name == "fan_out" && value.kind == TermKind::Integer) {
      init_->fan_out = value.integer;
    } else {
      const ast::Param* param = nullptr;
      for (size_t i = 0; decl && i < decl->statics.size(); ++i) {
        if (name.empty() ? i == position : decl->statics[i].name.text == name) param = &decl->statics[i];
      }
      if (name.empty()) ++position;
      if (param) {
        inner->names[param->name.text] = value;
      } else {
        std::vector<std::string> names = {"fan_in", "fan_out"};
        for (size_t i = 0; decl && i < decl->statics.size(); ++i) names.push_back(decl->statics[i].name.text);
        std::string nearest = nearest_name(name, names);
        session.error(name.empty() ? arg.value->span : arg.name.span,
                      fmt::format("{} has no argument `{}`{}",
                                  decl ? words(decl->kind, decl->name.text) : std::string("the initialiser"),
                                  name.empty() ? print_expr(*arg.value) : name,
                                  nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                      "call.args");
      }
      is_sound = is_sound && param;
    }
  }
  if (is_sound && decl && fill_statics(*decl, inner, call.span) && decl->body) {
    CallGuard guard(*this, words(decl->kind, decl->name.text), call.span);
    result = run_block(*decl->body, inner).value;
  } else if (is_sound && !decl) {
    result = eval(*call.callee.expr, call.callee.frame);
  }
  int draws = init_->draws;
  init_ = outer;
  init_->draws = draws;
  return result;
}

static int64_t product_of(const std::vector<Axis>& axes, size_t count) {
  int64_t product = 1;
  for (size_t i = 0; i < count; ++i) product *= axes[i].size;
  return product;
}

Term Evaluator::initial_value(const ParamSpec& spec) {
  size_t rank = spec.axes.size();
  int64_t fan_out = rank > 0 ? spec.axes.back().size : 1;
  int64_t fan_in = rank > 0 ? product_of(spec.axes, rank - 1) : 1;
  init_ = InitContext{spec.path, spec.axes, fan_in, fan_out, 0};
  Span before = session.user_span;
  session.user_span = spec.used;
  emit.path = spec.path;
  Term value = eval(*spec.init, spec.frame);
  session.user_span = before;
  init_.reset();
  if (value.is_error()) return {};
  bool is_number = value.is_number() || (value.is_tensor() && is_float(value.dtype));
  if (!is_number || !match_axes(value.axes, spec.axes)) {
    session.error(spec.init->span, fmt::format("`{}` starts as {}, which is no number", spec.path, describe(value)),
                  "init.C3");
    return {};
  }
  return emit.tensor(emit.spread(value, spec.dtype, spec.axes), spec.axes);
}

Term Evaluator::draw_uniform(Span span) {
  if (!init_) {
    session.error(span, "`uniform` and `normal` draw initial values of parameters", "init.C2");
    return {};
  }
  std::string stream = init_->draws == 0 ? init_->path : fmt::format("{}#{}", init_->path, init_->draws);
  ++init_->draws;
  return emit.random_uniform(init_->axes, stream, true);
}

}  // namespace tarn
