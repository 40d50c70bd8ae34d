// Pipes, and calls of layers, models and functions.
#include <fmt/format.h>

#include "frontend/call.h"

namespace tarn {

using ast::DeclKind;
using ast::Expr;
using ast::ExprKind;

std::string words(DeclKind kind, const std::string& name) {
  return fmt::format("{} `{}`", ast::decl_word(kind), name);
}

const std::vector<ast::Arg>& Evaluator::Call::written() const {
  static const std::vector<ast::Arg> kNone;
  return args ? *args : kNone;
}

// An endless recursion of layers or functions ends here, and so does a model that doubles with each layer.  After the one
// message nothing more is built.
bool Evaluator::can_nest(Span span) {
  constexpr size_t kMaxCalls = 100;
  if (is_too_large_) return false;
  if (session.calls.size() >= kMaxCalls) {
    session.error(span, fmt::format("calls nest deeper than {} levels; does one contain itself?", kMaxCalls),
                  "call.depth");
    return false;
  }
  if (++applied_ > kMaxApplied) {
    session.error(span, fmt::format("building the model takes more than {} calls", kMaxApplied), "call.depth");
  } else if (emit.func().ops.size() > kMaxOps) {
    session.error(span, fmt::format("the model has more than {} operations", kMaxOps), "call.depth");
  } else {
    return true;
  }
  is_too_large_ = true;
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
  Term callee = is_call                           ? eval_callee(*stage.parts[0], frame, Mode::Value)
                : stage.kind == ExprKind::Bracket ? eval_bracket(stage, frame, Mode::Value)
                                                  : eval_callee(stage, frame, Mode::Value);
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
    case DeclKind::Const:
    case DeclKind::Hyper:
    case DeclKind::Optimizer:
    case DeclKind::Data:
    case DeclKind::Train:
      break;
  }
  session.error(call.span, fmt::format("{} cannot be called here", describe(callee)), "call.kind");
  return {};
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

// The same model on the same values is elaborated once; one that draws random numbers, once for each call of an
// expression: `enc(x) - enc(x)` compares two views, and the n-th call of a metric means the n-th of the loss.
Term Evaluator::call_model(const ast::Decl& decl, std::vector<Term> args, Span span) {
  std::pair<const ast::Decl*, std::vector<uint32_t>> key{&decl, {}};
  bool is_plain = true;
  for (const Term& arg : args) {
    is_plain = is_plain && arg.is_tensor();
    key.second.push_back(arg.value.index);
  }
  ModelCalls* calls = is_plain ? &model_calls_[key] : nullptr;
  if (calls && !calls->results.empty() && !calls->draws) return calls->results[0];
  if (calls && calls->next < calls->results.size()) return calls->results[calls->next++];
  FramePtr frame = make_frame(FrameKind::Layer, &decl);
  if (!fill_statics(decl, frame, span)) return {};
  int draws_before = emit.draw_count;
  Term result = run_layer(decl, frame, std::move(args), prefix_models ? decl.name.text : "", span);
  if (calls) {
    calls->draws = emit.draw_count != draws_before;
    calls->results.push_back(result);
    calls->next = calls->results.size();
  }
  return result;
}

void Evaluator::restart_model_calls() {
  for (auto& [key, calls] : model_calls_) calls.next = 0;
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
  frame->dotted = leading;
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

}  // namespace tarn
