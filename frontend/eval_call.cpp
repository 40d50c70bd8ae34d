// Pipes, and calls of layers, models, functions, schedules, initialisers and builtins.
#include <fmt/format.h>

#include "frontend/evaluator.h"
#include "frontend/print_ast.h"

namespace tarn {

using ast::DeclKind;
using ast::Expr;
using ast::ExprKind;

// Keeps the list of active calls for the time of one.
struct CallGuard {
  CallGuard(Evaluator& evaluator, std::string what, Span span) : session(evaluator.session) {
    session.calls.push_back({std::move(what), span});
  }
  ~CallGuard() { session.calls.pop_back(); }
  Session& session;
};

static std::string words(DeclKind kind, const std::string& name) {
  return fmt::format("{} `{}`", ast::decl_word(kind), name);
}

const std::vector<ast::Arg>& Evaluator::Call::written() const {
  static const std::vector<ast::Arg> kNone;
  return args ? *args : kNone;
}

// An endless recursion of layers or functions ends here.
bool Evaluator::can_nest(Span span) {
  constexpr size_t kMaxCalls = 100;
  constexpr size_t kMaxOps = 200'000;  // far above any network that compiles in reasonable time
  constexpr int64_t kMaxApplied = 200'000;
  if (session.calls.size() >= kMaxCalls) {
    session.error(span, fmt::format("calls nest deeper than {} levels; does one contain itself?", kMaxCalls),
                  "call.depth");
    return false;
  }
  if (++applied_ > kMaxApplied) {
    session.error(span, fmt::format("building the model takes more than {} calls", kMaxApplied), "call.depth");
    return false;
  }
  if (emit.func().ops.size() <= kMaxOps) return true;
  session.error(span, fmt::format("the model has more than {} operations", kMaxOps), "call.depth");
  return false;
}

Term Evaluator::eval_pipe(const Expr& expr, const FramePtr& frame) {
  Term value = eval(*expr.parts[0], frame);
  for (size_t i = 1; i < expr.parts.size(); ++i) {
    Span before = session.user_span;
    if (!session.is_library(expr.parts[i]->span)) session.user_span = expr.parts[i]->span;
    value = run_stage(*expr.parts[i], std::move(value), frame);
    session.user_span = before;
  }
  return value;
}

Term Evaluator::run_stage(const Expr& stage, Term input, const FramePtr& frame) {
  if (stage.kind == ExprKind::For) return run_for(stage, std::move(input), frame);
  bool is_call = stage.kind == ExprKind::Call;
  Term callee = is_call                           ? eval(*stage.parts[0], frame)
                : stage.kind == ExprKind::Bracket ? eval_bracket(stage, frame, Mode::Value)
                                                  : eval_name(stage, frame, Mode::Value);
  return apply(
      {std::move(callee), std::move(input), is_call ? &stage.args : nullptr, frame, stage.instance, stage.span});
}

Term Evaluator::run_for(const Expr& stage, Term input, const FramePtr& frame) {
  Term list = eval_static(*stage.parts[0], frame);
  if (list.is_error()) return {};
  if (list.kind != TermKind::List) {
    session.error(stage.parts[0]->span,
                  fmt::format("`for` goes through a list such as [32, 64], but this is {}", describe(list)), "for.C1");
    return {};
  }
  int round = 0;
  for (const Term& item : list.items) {
    FramePtr inner = make_frame(frame->kind, frame->decl, frame);
    inner->names[stage.text] = item;
    inner->loop_suffix = fmt::format("{}.{}", frame->loop_suffix, ++round);
    for (size_t i = 1; i < stage.parts.size(); ++i) {
      Span before = session.user_span;
      if (!session.is_library(stage.parts[i]->span)) session.user_span = stage.parts[i]->span;
      input = run_stage(*stage.parts[i], std::move(input), inner);
      session.user_span = before;
    }
    if (input.is_error() || !can_nest(stage.span)) return {};
  }
  return input;
}

Term Evaluator::apply(const Call& call) {
  const Term& callee = call.callee;
  if (callee.is_error()) {
    // Its arguments may hold other mistakes.
    for (const ast::Arg& arg : call.written()) {
      if (arg.value->kind == ExprKind::Call || arg.value->kind == ExprKind::Pipe) eval(*arg.value, call.frame);
    }
    return {};
  }
  if (callee.kind == TermKind::Closure) return apply_init(call);
  if (callee.kind != TermKind::Callable) {
    session.error(call.span, fmt::format("{} cannot be called", describe(callee)), "call.kind");
    return {};
  }
  if (!can_nest(call.span)) return {};
  bool owns_parameters = callee.decl && (callee.decl->kind == DeclKind::Layer || callee.decl->kind == DeclKind::Model);
  if (!call.instance.text.empty() && !owns_parameters) {
    session.error(call.instance.span, fmt::format("`as` names a layer, but this is {}", describe(callee)), "call.as");
  }
  if (callee.builtin) return apply_builtin(call);
  switch (callee.decl->kind) {
    case DeclKind::Layer:
    case DeclKind::Model:
      return apply_layer(call);
    case DeclKind::Fn:
      return apply_function(call);
    case DeclKind::Schedule:
      return apply_schedule(call);
    case DeclKind::Init:
      return apply_init(call);
    default:
      break;
  }
  session.error(call.span, fmt::format("{} cannot be called here", describe(callee)), "call.kind");
  return {};
}

// Whether an argument draws initial values, so that it is kept as written until the parameter is known.
bool Evaluator::is_initialiser(const Expr& expr, const FramePtr& frame) {
  if (expr.kind == ExprKind::Name) {
    if (std::optional<Term> local = find_local(expr.text, frame)) return local->kind == TermKind::Closure;
    const ast::Decl* decl = session.find(expr.text);
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

// Static arguments by position and name.
bool Evaluator::bind_static_args(const ast::Decl& decl, const std::vector<ast::Arg>& args, const FramePtr& caller,
                                 std::map<std::string, Term>& bound, Span span) {
  bool is_sound = true;
  size_t position = 0;
  for (const ast::Arg& arg : args) {
    const ast::Param* param = nullptr;
    if (arg.name.text.empty()) {
      if (position < decl.statics.size()) param = &decl.statics[position++];
    } else {
      for (const ast::Param& candidate : decl.statics) {
        if (candidate.name.text == arg.name.text) param = &candidate;
      }
    }
    if (!param) {
      std::vector<std::string> names;
      for (const ast::Param& candidate : decl.statics) names.push_back(candidate.name.text);
      std::string nearest = arg.name.text.empty() ? "" : nearest_name(arg.name.text, names);
      std::string what = arg.name.text.empty() ? fmt::format("only {} static arguments", decl.statics.size())
                                               : fmt::format("no static argument `{}`", arg.name.text);
      session.error(arg.name.text.empty() ? arg.value->span : arg.name.span,
                    fmt::format("{} has {}{}", words(decl.kind, decl.name.text), what,
                                nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                    "call.args");
      is_sound = false;
      continue;
    }
    if (bound.count(param->name.text)) {
      session.error(arg.value->span, fmt::format("`{}` is given twice", param->name.text), "call.args");
      is_sound = false;
      continue;
    }
    Term value = eval_static_arg(*arg.value, caller);
    if (value.is_error()) is_sound = false;
    if (value.kind == TermKind::Integer) value.origin = arg.value->span;
    bound[param->name.text] = std::move(value);
  }
  (void)span;
  return is_sound;
}

// Defaults for the static arguments that were not given.
bool Evaluator::fill_statics(const ast::Decl& decl, const FramePtr& inner, Span span) {
  for (const ast::Param& param : decl.statics) {
    if (inner->names.count(param.name.text)) continue;
    if (!param.default_value) {
      session
          .error(span,
                 fmt::format("{} needs its static argument `{}`", words(decl.kind, decl.name.text), param.name.text),
                 "call.args")
          .help({}, fmt::format("as in `{}[{} = 64]`", decl.name.text, param.name.text));
      return false;
    }
    Term value = eval_static_arg(*param.default_value, inner);
    if (value.is_error()) return false;
    inner->names[param.name.text] = std::move(value);
  }
  return true;
}

Term Evaluator::eval_arg(const ast::Param& param, const Expr& value, const FramePtr& frame) {
  bool is_axes = param.name.text == "over" || param.name.text == "axis";
  return is_axes ? eval_axes(value, frame) : eval(value, frame);
}

// One value for each tensor parameter of `decl`, evaluated in the caller's frame; defaults in `inner`.
bool Evaluator::bind_args(const ast::Decl& decl, const Call& call, const FramePtr& inner, std::vector<Term>& values) {
  std::vector<std::optional<Term>> given(decl.params.size());
  bool is_sound = true;
  size_t position = 0;
  if (call.piped) {
    if (given.empty()) {
      session.error(call.span, fmt::format("{} takes no argument", words(decl.kind, decl.name.text)), "call.args");
      return false;
    }
    given[position++] = *call.piped;
  }
  for (const ast::Arg& arg : call.written()) {
    size_t place = decl.params.size();
    if (arg.name.text.empty()) {
      place = position++;
    } else {
      for (size_t i = 0; i < decl.params.size(); ++i) {
        if (decl.params[i].name.text == arg.name.text) place = i;
      }
    }
    if (place >= decl.params.size()) {
      std::vector<std::string> names;
      for (const ast::Param& param : decl.params) names.push_back(param.name.text);
      std::string nearest = arg.name.text.empty() ? "" : nearest_name(arg.name.text, names);
      std::string what = arg.name.text.empty()
                             ? fmt::format("only {} argument{}", names.size(), names.size() == 1 ? "" : "s")
                             : fmt::format("no argument `{}`", arg.name.text);
      Diagnostic& made = session.error(arg.name.text.empty() ? arg.value->span : arg.name.span,
                                       fmt::format("{} has {}{}", words(decl.kind, decl.name.text), what,
                                                   nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                                       "call.args");
      for (const ast::Param& param : decl.statics) {
        if (param.name.text == arg.name.text)
          made.help({}, fmt::format("`{}` is static: write it in `[..]`", arg.name.text));
      }
      is_sound = false;
      continue;
    }
    if (given[place]) {
      session.error(arg.value->span, fmt::format("`{}` is given twice", decl.params[place].name.text), "call.args");
      is_sound = false;
      continue;
    }
    given[place] = eval_arg(decl.params[place], *arg.value, call.frame);
  }
  for (size_t i = 0; i < decl.params.size(); ++i) {
    const ast::Param& param = decl.params[i];
    if (!given[i] && param.default_value) given[i] = eval_arg(param, *param.default_value, inner);
    if (!given[i]) {
      session.error(call.span,
                    fmt::format("{} needs its argument `{}`", words(decl.kind, decl.name.text), param.name.text),
                    "call.args");
      return false;
    }
    is_sound = is_sound && !given[i]->is_error();
    inner->names[param.name.text] = *given[i];
    values.push_back(*given[i]);
  }
  return is_sound;
}

// The path of the layer made here: the name given by `as` or `use`, or `dense.1`, `dense.2` in order within the parent.
std::string Evaluator::instance_path(const Call& call) {
  if (!call.callee.instance.empty()) return call.callee.instance;
  Frame& parent = *call.frame->root;
  const std::string& kind = call.callee.decl->name.text;
  // Layers in a branch of `if training` are counted apart, so that the others are called alike in both modes.
  std::string unnamed = call.frame->branch + kind;
  if (call.instance.text.empty()) {
    return join_path(parent.path, fmt::format("{}.{}", unnamed, ++parent.unnamed[unnamed]));
  }
  std::string name = call.instance.text + call.frame->loop_suffix;
  if (!parent.instances.insert(name).second) {
    session.error(call.instance.span, fmt::format("`{}` already names another layer here", name), "name.duplicate")
        .help({}, "`use f = layer[..]` makes one instance that is shared");
  }
  return join_path(parent.path, name);
}

Term Evaluator::apply_layer(const Call& call) {
  const ast::Decl& decl = *call.callee.decl;
  FrameKind place = call.frame->root->kind;
  bool is_model_call = decl.kind == DeclKind::Model && place == FrameKind::Train;
  if (place != FrameKind::Layer && !is_model_call) {
    session.error(call.span,
                  fmt::format("{} owns parameters, so it stands in a layer or a model, not in {}",
                              words(decl.kind, decl.name.text),
                              call.frame->decl ? words(call.frame->decl->kind, call.frame->decl->name.text) : "here"),
                  "layer.place");
    return {};
  }
  FramePtr frame = make_frame(FrameKind::Layer, &decl);
  if (call.callee.frame) frame->names = call.callee.frame->names;
  std::vector<Term> args;
  bool is_sound = fill_statics(decl, frame, call.span);
  if (!bind_args(decl, call, frame, args) || !is_sound) return {};
  if (is_model_call) return call_model(decl, std::move(args), call.span);
  return run_layer(decl, frame, std::move(args), instance_path(call), call.span);
}

// The same model on the same values is elaborated once.
Term Evaluator::call_model(const ast::Decl& decl, std::vector<Term> args, Span span) {
  std::pair<const ast::Decl*, std::vector<uint32_t>> key{&decl, {}};
  bool is_plain = true;
  for (const Term& arg : args) {
    is_plain = is_plain && arg.is_tensor();
    key.second.push_back(arg.value.index);
  }
  if (auto found = model_results_.find(key); is_plain && found != model_results_.end()) return found->second;
  FramePtr frame = make_frame(FrameKind::Layer, &decl);
  if (!fill_statics(decl, frame, span)) return {};
  Term result = run_layer(decl, frame, std::move(args), prefix_models ? decl.name.text : "", span);
  model_results_[key] = result;
  return result;
}

// Checks the arguments against the signature, which names their dimensions.
bool Evaluator::match_params(const ast::Decl& decl, const FramePtr& frame, std::vector<Term>& args, Leading& leading,
                             Span span) {
  bool is_sound = true;
  for (size_t i = 0; i < decl.params.size(); ++i) {
    const ast::Param& param = decl.params[i];
    if (!param.name.text.empty() && param.name.text[0] >= 'A' && param.name.text[0] <= 'Z') {
      session.error(param.name.span,
                    fmt::format("`{}` is a value, but names in capitals are dimensions", param.name.text), "name.case");
    }
    if (param.type) {
      std::string subject = decl.params.size() == 1 ? "its input" : fmt::format("`{}`", param.name.text);
      is_sound = match_type(*param.type, args[i], frame, leading, frame->what, subject,
                            fmt::format("{}.C{}", decl.name.text, i + 1), span) &&
                 is_sound;
    }
    frame->names[param.name.text] = args[i];
  }
  return is_sound;
}

Term Evaluator::run_layer(const ast::Decl& decl, const FramePtr& frame, std::vector<Term> args, const std::string& path,
                          Span span) {
  frame->path = path;
  std::string shown = path.empty() || decl.kind == DeclKind::Model ? decl.name.text : path;
  frame->what =
      decl.kind == DeclKind::Model ? fmt::format("model `{}`", shown) : fmt::format("{} `{}`", decl.name.text, shown);
  for (const Term& arg : args) {
    if (arg.is_error()) return {};
  }
  Leading leading;
  if (!match_params(decl, frame, args, leading, span) || !decl.body) return {};
  CallGuard guard(*this, frame->what, span);
  session.calls.back().is_worth_a_note = decl.kind != DeclKind::Model;
  std::string outer_path = emit.path;
  emit.path = path;
  size_t first_new = emit.func().values.size();
  Term result = run_block(*decl.body, frame).value;
  emit.path = outer_path;
  if (result.kind == TermKind::Tuple && result.items.empty()) {
    session.error(decl.name.span, fmt::format("{} returns nothing", words(decl.kind, decl.name.text)), "layer.return");
    return {};
  }
  if (result.is_error()) return {};
  if (decl.result && !match_type(*decl.result, result, frame, leading, frame->what, "its result",
                                 fmt::format("{}.C{}", decl.name.text, decl.params.size() + 1), decl.result->span)) {
    return {};
  }
  if (result.is_tensor() && result.value.index >= first_new) name_value(result, join_path(path, "out"));
  return result;
}

Term Evaluator::apply_function(const Call& call) {
  const ast::Decl& decl = *call.callee.decl;
  FramePtr frame = make_frame(FrameKind::Function, &decl);
  frame->what = fmt::format("`{}`", decl.name.text);
  frame->path = call.frame ? call.frame->root->path : "";
  if (call.callee.frame) frame->names = call.callee.frame->names;
  std::vector<Term> args;
  bool is_sound = fill_statics(decl, frame, call.span);
  if (!bind_args(decl, call, frame, args) || !is_sound || !decl.body) return {};
  Leading leading;
  if (!match_params(decl, frame, args, leading, call.span)) return {};
  CallGuard guard(*this, frame->what, call.span);
  Term result = run_block(*decl.body, frame).value;
  bool is_sound_result =
      !decl.result || match_type(*decl.result, result, frame, leading, frame->what, "its result",
                                 fmt::format("{}.C{}", decl.name.text, decl.params.size() + 1), decl.result->span);
  return is_sound_result ? result : Term{};
}

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
    Term value = eval(*arg.value, call.frame);
    const std::string& name = arg.name.text;
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

Term Evaluator::apply_builtin(const Call& call) {
  const Builtin& builtin = *call.callee.builtin;
  BuiltinCall made;
  made.builtin = &builtin;
  made.args.resize(builtin.params.size());
  made.statics = call.callee.expr;
  made.statics_frame = call.callee.frame;
  made.frame = call.frame;
  made.span = call.span;
  if (is_unsupported(builtin)) return builtin.run(*this, made);
  if (builtin.has_statics && !made.statics) {
    session.error(call.span, fmt::format("`{}` takes sizes in `[..]`, as in `{}[B, 10]`", builtin.name, builtin.name),
                  "call.args");
    return {};
  }
  size_t position = 0;
  bool is_sound = true;
  if (call.piped) {
    if (builtin.params.empty()) return {};
    is_sound = !call.piped->is_error();
    made.args[position++] = *call.piped;
  }
  for (const ast::Arg& arg : call.written()) {
    size_t place = builtin.params.size();
    for (size_t i = 0; i < builtin.params.size() && !arg.name.text.empty(); ++i) {
      if (builtin.params[i].name == arg.name.text) place = i;
    }
    // Options such as `over` and `axis` of variadic functions are given by name only.
    if (arg.name.text.empty() && position < builtin.params.size()) {
      bool is_option = builtin.is_variadic && builtin.params[position].is_optional;
      if (!is_option) place = position++;
    }
    if (place < builtin.params.size()) {
      const BuiltinParam& param = builtin.params[place];
      Term value = param.kind == ArgKind::Axes     ? eval_axes(*arg.value, call.frame)
                   : param.kind == ArgKind::Static ? eval_static(*arg.value, call.frame)
                                                   : eval(*arg.value, call.frame);
      if (made.args[place]) {
        session.error(arg.value->span, fmt::format("`{}` is given twice", param.name), "call.args");
        is_sound = false;
      }
      is_sound = is_sound && !value.is_error();
      made.args[place] = std::move(value);
    } else if (builtin.is_variadic && arg.name.text.empty()) {
      made.rest.push_back(eval(*arg.value, call.frame));
      is_sound = is_sound && !made.rest.back().is_error();
    } else {
      std::vector<std::string> names;
      for (const BuiltinParam& param : builtin.params) names.push_back(param.name);
      std::string nearest = arg.name.text.empty() ? "" : nearest_name(arg.name.text, names);
      session.error(arg.name.text.empty() ? arg.value->span : arg.name.span,
                    arg.name.text.empty()
                        ? fmt::format("`{}` takes at most {} argument{}", builtin.name, names.size(),
                                      names.size() == 1 ? "" : "s")
                        : fmt::format("`{}` has no argument `{}`{}", builtin.name, arg.name.text,
                                      nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                    "call.args");
      is_sound = false;
    }
  }
  for (size_t i = 0; i < builtin.params.size(); ++i) {
    if (made.args[i] || builtin.params[i].is_optional) continue;
    session.error(call.span, fmt::format("`{}` needs its argument `{}`", builtin.name, builtin.params[i].name),
                  "call.args");
    return {};
  }
  return is_sound ? builtin.run(*this, made) : Term{};
}

}  // namespace tarn
