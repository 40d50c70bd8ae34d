// Settings by name and by group of parameters, then the body once for each parameter.
#include "frontend/optimizer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "frontend/print_ast.h"

namespace tarn {

using ast::Expr;
using ast::ExprKind;

static std::vector<std::string> setting_names(const ast::Decl& decl) {
  std::vector<std::string> names;
  for (const ast::Param& param : decl.params) names.push_back(param.name.text);
  return names;
}

// A number that may follow the steps.
static Term eval_setting(Evaluator& e, const Expr& expr, const FramePtr& frame) {
  Term step = e.emit.number_argument("step", Role::Step);
  bool is_schedule = expr.kind == ExprKind::Call || expr.kind == ExprKind::Then;
  Term total = is_schedule ? e.emit.number_argument("total_steps", Role::TotalSteps) : real_term(1);
  Term value = e.eval_schedule(expr, frame, step, total);
  if (value.is_error() || value.is_literal() || value.is_runtime_scalar()) return value;
  e.session.error(expr.span, fmt::format("an optimizer's argument is a number, but this is {}", describe(value)),
                  "optimizer.C1");
  return {};
}

static bool set(Evaluator& e, const ast::Decl& decl, const ast::Name& name, Term value,
                std::map<std::string, Term>& settings) {
  bool is_known = false;
  for (const std::string& known : setting_names(decl)) is_known = is_known || known == name.text;
  if (!is_known) {
    unknown_key(e.session, name, decl.name.text, setting_names(decl));
    return false;
  }
  if (!settings.emplace(name.text, value).second) {
    e.session.error(name.span, fmt::format("`{}` is given twice", name.text), "key.duplicate");
    return false;
  }
  return !value.is_error();
}

static const ast::Decl* find_optimizer(Evaluator& e, const Expr& expr) {
  const Expr& name = expr.kind == ExprKind::Call ? *expr.parts[0] : expr;
  const ast::Decl* decl = name.kind == ExprKind::Name ? e.session.find(name.text) : nullptr;
  if (decl && decl->kind == ast::DeclKind::Optimizer) {
    if (decl->supplied.size() >= 2 && decl->supplied.size() <= 3) return decl;
    e.session.error(decl->name.span, "an optimizer begins `optimizer name(p, g, t; ...)`: parameter, gradient, step",
                    "optimizer.C2");
    return nullptr;
  }
  std::vector<std::string> names;
  for (const std::string& known : e.session.declared_names()) {
    if (e.session.find(known)->kind == ast::DeclKind::Optimizer) names.push_back(known);
  }
  std::string nearest = nearest_name(print_expr(name), names);
  Diagnostic& made = e.session.error(name.span,
                                     fmt::format("there is no optimizer `{}`{}", print_expr(name),
                                                 nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                                     "name.unknown");
  if (!made.rule.empty())
    made.help({}, fmt::format("there are {}; `optimizer {}(p, g; lr) {{ .. }}` declares one", fmt::join(names, ", "),
                              print_expr(name)));
  return nullptr;
}

void report_empty_glob(Session& session, const std::string& glob, const std::vector<std::string>& paths, Span span) {
  constexpr size_t kMaxShown = 12;
  std::string nearest = nearest_name(glob, paths), list;
  for (size_t i = 0; i < paths.size() && i < kMaxShown; ++i) list += (i ? ", " : "") + paths[i];
  if (paths.size() > kMaxShown) list += ", ...";
  Diagnostic& made = session.error(span,
                                   fmt::format("\"{}\" fits no parameter{}", glob,
                                               nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest)),
                                   "glob.none");
  if (!made.rule.empty()) made.help({}, fmt::format("the parameters are {}", list));
}

static bool fits_any_parameter(Evaluator& e, const Expr& glob) {
  if (!e.params_known) return true;  // what is missing may be there when other mistakes are mended
  std::vector<std::string> paths;
  for (const std::string& path : e.session.param_order) {
    if (e.session.params.at(path).role != Role::Param) continue;
    if (matches_glob(path, glob.text)) return true;
    paths.push_back(path);
  }
  report_empty_glob(e.session, glob.text, paths, glob.span);
  return false;
}

// freeze "fc2.*" until epoch 2
static void read_freeze(Evaluator& e, const ast::Entry& entry, OptimizerPlan& plan) {
  auto is_word = [&](size_t i, const char* word) {
    return i < entry.words.size() && entry.words[i]->kind == ExprKind::Name && entry.words[i]->text == word;
  };
  size_t count = 0;  // of patterns
  while (count < entry.words.size() && entry.words[count]->kind == ExprKind::String) ++count;
  bool is_timed = entry.words.size() == count + 3 && is_word(count, "until") && is_word(count + 1, "epoch");
  if (entry.form != ast::EntryForm::Words || count == 0 || (entry.words.size() != count && !is_timed)) {
    e.session.error(entry.span, "`freeze` is written `freeze \"fc2.*\" until epoch 2`", "key.form");
    return;
  }
  std::optional<int64_t> until_epoch;
  if (is_timed) {
    Term epoch = e.eval_static(*entry.words.back(), e.make_frame(FrameKind::Function, plan.decl));
    if (epoch.kind != TermKind::Integer) {
      e.session.error(entry.words.back()->span, fmt::format("an epoch is an integer, but this is {}", describe(epoch)),
                      "key.value");
      return;
    }
    until_epoch = epoch.integer;
  }
  for (size_t i = 0; i < count; ++i) {
    if (fits_any_parameter(e, *entry.words[i])) plan.freezes.push_back({entry.words[i]->text, until_epoch});
  }
}

std::optional<OptimizerPlan> read_optimizer(Evaluator& e, const ast::Entry& entry) {
  OptimizerPlan plan;
  plan.decl = find_optimizer(e, *entry.value);
  plan.span = entry.value->span;
  if (!plan.decl) return std::nullopt;
  size_t errors = e.session.error_count();
  FramePtr frame = e.make_frame(FrameKind::Function, nullptr);
  size_t position = 0;
  for (const ast::Arg& arg : entry.value->args) {
    ast::Name name = arg.name;
    if (name.text.empty()) {
      if (position >= plan.decl->params.size()) {
        e.session.error(arg.value->span,
                        fmt::format("`{}` takes {} arguments", plan.decl->name.text, plan.decl->params.size()),
                        "call.args");
        continue;
      }
      name = {plan.decl->params[position++].name.text, arg.value->span};
    }
    set(e, *plan.decl, name, eval_setting(e, *arg.value, frame), plan.settings);
  }
  for (const ast::Param& param : plan.decl->params) {
    if (plan.settings.count(param.name.text)) continue;
    if (!param.default_value) {
      e.session.error(entry.value->span,
                      fmt::format("optimizer `{}` needs its argument `{}`", plan.decl->name.text, param.name.text),
                      "call.args");
      continue;
    }
    plan.settings[param.name.text] = eval_setting(e, *param.default_value, frame);
  }
  for (const ast::Entry& inner : entry.entries) {
    if (inner.key.text == "freeze") {
      read_freeze(e, inner, plan);
    } else if (inner.key.text == "group" && inner.form == ast::EntryForm::Group) {
      std::map<std::string, Term> settings;
      for (const ast::Arg& setting : inner.settings) {
        set(e, *plan.decl, setting.name, eval_setting(e, *setting.value, frame), settings);
      }
      for (const ast::ExprPtr& glob : inner.words) {
        if (fits_any_parameter(e, *glob)) plan.groups.push_back({glob->text, settings});
      }
    } else if (inner.key.text == "group") {
      e.session.error(inner.span, "`group` is written `group \"*.b\": decay = 0`", "key.form");
    } else {
      unknown_key(e.session, inner.key, "optimizer", {"group", "freeze"});
    }
  }
  if (e.session.error_count() != errors) return std::nullopt;
  Term step = e.emit.number_argument("step", Role::Step);
  plan.step = e.emit.arithmetic("add", "+", step, integer_term(1), plan.span);
  return plan;
}

bool is_frozen_for_ever(const OptimizerPlan& plan, std::string_view path) {
  for (const OptimizerPlan::Freeze& freeze : plan.freezes) {
    if (!freeze.until_epoch && matches_glob(path, freeze.glob)) return true;
  }
  return false;
}

// The epoch from which a parameter is trained; 0: it always is.
static int64_t first_epoch(const OptimizerPlan& plan, std::string_view path) {
  int64_t until = 0;
  for (const OptimizerPlan::Freeze& freeze : plan.freezes) {
    if (freeze.until_epoch && matches_glob(path, freeze.glob)) until = std::max(until, *freeze.until_epoch);
  }
  return until;
}

// What the optimizer calls `t`: the number of this step among those in which the parameter takes part.  A parameter that
// stands still at first counts its own, in a slot of that name: averages that begin with it are corrected by it.
static Term own_step(Evaluator& e, const OptimizerPlan& plan, const ParamSpec& spec) {
  const ast::Name& name = plan.decl->supplied[2].name;
  if (first_epoch(plan, spec.path) == 0) return plan.step;
  static const ast::Expr kNone = [] {
    ast::Expr zero;
    zero.kind = ExprKind::Number;
    zero.is_integer = true;
    return zero;
  }();
  std::string path = join_path(spec.path, name.text);
  auto [entry, is_new] = e.session.params.try_emplace(path);
  if (is_new) {
    FramePtr frame = e.make_frame(FrameKind::Function, plan.decl);
    entry->second = {path, Role::Slot, DType::F64, {}, &kNone, frame, name.span, plan.span};
    e.session.param_order.push_back(path);
  }
  Term before = e.emit.weak(e.param_value(entry->second).value);
  Term step = e.emit.arithmetic("add", "+", before, integer_term(1), plan.span);
  e.emit.states[path] = step;
  return step;
}

// Before its epoch a frozen parameter and its slots stay as they are.
static void hold_frozen(Evaluator& e, const OptimizerPlan& plan, const ParamSpec& spec,
                        const std::vector<std::string>& paths) {
  int64_t until = first_epoch(plan, spec.path);
  if (until == 0) return;
  Term epoch = e.emit.number_argument("epoch", Role::Epoch);
  Term is_free = e.emit.compare("ge", ">=", epoch, integer_term(until), plan.span);
  for (const std::string& path : paths) {
    const ParamSpec& stored = e.session.params.at(path);
    Term old = e.emit.argument(path, stored.role, stored.dtype, stored.axes);
    e.emit.states[path] = e.emit.select(is_free, e.emit.states.at(path), old, plan.span);
  }
}

void update_parameter(Evaluator& e, const OptimizerPlan& plan, const ParamSpec& spec, const Term& gradient) {
  const ast::Decl& decl = *plan.decl;
  FramePtr frame = e.make_frame(FrameKind::Optimizer, &decl);
  frame->path = spec.path;
  frame->what = fmt::format("optimizer `{}`", decl.name.text);
  std::map<std::string, Term> settings = plan.settings;
  for (const OptimizerPlan::Group& group : plan.groups) {
    if (!matches_glob(spec.path, group.glob)) continue;
    for (const auto& [name, value] : group.settings) settings[name] = value;
  }
  frame->names = std::move(settings);
  const std::string& parameter = decl.supplied[0].name.text;
  frame->names[parameter] = e.param_value(spec);
  frame->names[decl.supplied[1].name.text] = gradient;
  frame->stored[parameter] = spec.path;
  std::vector<std::string> updated;
  if (decl.supplied.size() == 3) {
    Term step = own_step(e, plan, spec);
    frame->names[decl.supplied[2].name.text] = step;
    std::string counted = join_path(spec.path, decl.supplied[2].name.text);
    if (e.emit.states.count(counted)) updated.push_back(counted);
  }
  Span before = e.session.user_span;
  e.session.user_span = plan.span;
  e.emit.path = spec.path;
  if (decl.body) e.run_block(*decl.body, frame);
  if (!e.emit.states.count(spec.path)) {
    e.session.error(decl.name.span, fmt::format("optimizer `{}` never updates `{}`", decl.name.text, parameter),
                    "optimizer.C3");
  } else {
    for (const auto& [name, path] : frame->stored) {
      if (e.emit.states.count(path)) updated.push_back(path);
    }
    hold_frozen(e, plan, spec, updated);
  }
  e.emit.path.clear();
  e.session.user_span = before;
}

void clip_gradients(Evaluator& e, const Term& limit, std::vector<Term>& gradients, Span span) {
  Emitter& emit = e.emit;
  Term squares = integer_term(0);
  for (const Term& gradient : gradients) {
    std::vector<size_t> axes;
    for (size_t i = 0; i < gradient.axes.size(); ++i) axes.push_back(i);
    // In f64: the square of a finite gradient may be infinite in f32, and its norm is not.
    Term wide = emit.cast(gradient, DType::F64, span);
    Term square = emit.arithmetic("mul", "*", wide, wide, span);
    squares = emit.add_widened(squares, emit.reduce(ReduceOp::Sum, square, axes, false, span), span);
  }
  Term norm = emit.unary("sqrt", squares, span);
  // https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html: limit / (norm + 1e-6), at most 1.
  Term scale = emit.arithmetic("div", "/", limit, emit.arithmetic("add", "+", norm, real_term(1e-6), span), span);
  scale = emit.arithmetic("min", "min", scale, real_term(1), span);
  for (Term& gradient : gradients) {
    Term wide = emit.computed(gradient, span);
    Term factor = scale.dtype == wide.dtype ? scale : emit.cast(scale, wide.dtype, span);
    Term clipped = emit.arithmetic("mul", "*", wide, factor, span);
    gradient = clipped.dtype == gradient.dtype ? clipped : emit.cast(clipped, gradient.dtype, span);
  }
}

}  // namespace tarn
