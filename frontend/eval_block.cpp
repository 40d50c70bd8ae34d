// Statements: let, param, state, update, use, require, return.
#include <fmt/format.h>

#include "frontend/evaluator.h"
#include "frontend/print_ast.h"

namespace tarn {

using ast::Stmt;
using ast::StmtKind;

Flow Evaluator::run_block(const ast::Block& block, const FramePtr& frame) {
  Flow flow;
  flow.value.kind = TermKind::Tuple;  // nothing, so far
  bool is_sound = true;
  for (const Stmt& stmt : block.statements) {
    Span before = session.user_span;
    if (!session.is_library(stmt.span)) session.user_span = stmt.span;
    is_sound = run_stmt(stmt, frame, flow) && is_sound;
    session.user_span = before;
    if (flow.returned) break;
  }
  return flow;
}

bool Evaluator::run_stmt(const Stmt& stmt, const FramePtr& frame, Flow& flow) {
  switch (stmt.kind) {
    case StmtKind::Error:
      return false;
    case StmtKind::Const:
      frame->names[stmt.names[0].text] = eval_static(*stmt.value, frame);
      return true;
    case StmtKind::Param:
    case StmtKind::State:
      run_param(stmt, frame);
      return true;
    case StmtKind::Let:
      bind_names(stmt.names, stmt.is_tuple, eval(*stmt.value, frame), frame, stmt.value->span);
      return true;
    case StmtKind::Update:
      run_update(stmt, frame);
      return true;
    case StmtKind::Use:
      run_use(stmt, frame);
      return true;
    case StmtKind::Require:
      run_require(stmt, frame);
      return true;
    case StmtKind::Return:
      flow.value = eval(*stmt.value, frame);
      flow.returned = true;
      return true;
    case StmtKind::Expr:
      flow.value = eval(*stmt.value, frame);
      return true;
    case StmtKind::Scan:
    case StmtKind::Next:
    case StmtKind::Yield:
      session.error(stmt.span, "`scan` is not supported yet", "unsupported");
      flow.value = {};
      flow.returned = true;
      return false;
  }
  return false;
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

void Evaluator::run_param(const Stmt& stmt, const FramePtr& frame) {
  const std::string& name = stmt.names[0].text;
  FrameKind kind = frame->root->kind;
  bool is_param = stmt.kind == StmtKind::Param;
  frame->names[name] = Term{};
  if (kind != FrameKind::Layer && (is_param || kind != FrameKind::Optimizer)) {
    session.error(stmt.span,
                  fmt::format("`{} {}` stands in {}", is_param ? "param" : "state", name,
                              is_param ? "a layer or a model" : "a layer, a model or an optimizer"),
                  "param.place");
    return;
  }
  if (stmt.condition) {
    std::optional<bool> condition = eval_condition(*stmt.condition, frame);
    if (!condition) return;
    if (!*condition) {
      frame->names[name] = integer_term(0);  // one that is switched off reads as 0
      return;
    }
  }
  std::vector<Axis> axes;
  if (kind == FrameKind::Optimizer) {
    axes = frame->root->names[frame->root->decl->supplied[0].name.text].axes;
    for (Axis& axis : axes) axis.origin = {};
  } else {
    if (!stmt.type || (stmt.type->element.text != "f32")) {
      session.error(stmt.span, fmt::format("`{}` needs a type f32[..]", name), "param.type");
      return;
    }
    size_t errors = session.error_count();
    axes = eval_dims(stmt.type->dims, frame);
    if (session.error_count() != errors || axes.size() != stmt.type->dims.size()) return;
    for (const Axis& axis : axes) {
      if (!axis.is_batch()) continue;
      session.error(stmt.type->span, fmt::format("`{}` would have one entry for each row of the batch", name),
                    "param.batch");
      return;
    }
  }
  Role role = kind == FrameKind::Optimizer ? Role::Slot : is_param ? Role::Param : Role::State;
  const ParamSpec* spec = declare(stmt, role, std::move(axes), frame);
  if (!spec) return;
  frame->names[name] = param_value(*spec);
  if (role != Role::Param) frame->root->stored[name] = spec->path;
}

Term Evaluator::param_value(const ParamSpec& spec) {
  if (auto found = emit.states.find(spec.path); found != emit.states.end()) return found->second;
  return emit.argument(spec.path, spec.role, DType::F32, spec.axes);
}

// Enters a parameter, or finds it again and checks that this use agrees with the first.
const ParamSpec* Evaluator::declare(const Stmt& stmt, Role role, std::vector<Axis> axes, const FramePtr& frame) {
  const std::string& name = stmt.names[0].text;
  std::string path = join_path(frame->root->path, name);
  bool is_known = session.params.count(path) > 0;
  if (!is_known && role != Role::Slot) {
    if (session.params_complete) {
      session.error(stmt.span, fmt::format("`{}` exists in evaluation only, so that nothing trains it", path),
                    "param.mode");
      return nullptr;
    }
    if (!session.take_name(path, role == Role::Param ? "a parameter" : "a state", stmt.names[0].span)) return nullptr;
  }
  auto [entry, is_new] = session.params.try_emplace(path);
  ParamSpec& spec = entry->second;
  if (is_new) {
    spec = {path, role, std::move(axes), stmt.value.get(), frame, stmt.span, session.user_span};
    session.param_order.push_back(path);
    return &spec;
  }
  if (spec.declared.begin != stmt.span.begin || spec.declared.file != stmt.span.file) {
    session.error(stmt.names[0].span, fmt::format("`{}` is declared twice", path), "name.duplicate")
        .note(spec.declared, "first declared here");
    return nullptr;
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    if (i < spec.axes.size() && axes[i].size == spec.axes[i].size) continue;
    std::string dim = axes[i].name.empty() ? fmt::format("dimension {}", i) : axes[i].name;
    Span span = session.calls.empty() ? stmt.span : session.calls.back().span;
    int64_t first = i < spec.axes.size() ? spec.axes[i].size : 0;
    Diagnostic& made = session.error(
        span, fmt::format("{} needs {} = {}, but its input has {}", frame->root->what, dim, first, axes[i].size),
        fmt::format("{}.C1", frame->root->decl->name.text));
    if (made.rule.empty()) return nullptr;
    session.note_origin(made, axes[i]);
    made.note(spec.used, fmt::format("`{}` got its shape in its first use here", path));
    return nullptr;
  }
  return &spec;
}

// Statistics and slots: the new value is what is read from now on, and what the step leaves behind.
void Evaluator::run_update(const Stmt& stmt, const FramePtr& frame) {
  const std::string& name = stmt.names[0].text;
  Frame& root = *frame->root;
  auto stored = root.stored.find(name);
  if (stored == root.stored.end()) {
    std::optional<Term> local = find_local(name, frame);
    bool is_switched_off = local && local->kind == TermKind::Integer && local->integer == 0;
    if (is_switched_off || (local && local->is_error())) return;
    std::vector<std::string> names;
    for (const auto& [known, path] : root.stored) names.push_back(known);
    std::string nearest = nearest_name(name, names);
    session.error(
        stmt.names[0].span,
        fmt::format("`{}` is no state{}", name, nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
        "update.C1");
    return;
  }
  if (!emit.training) return;
  if (stmt.condition) {
    std::optional<bool> condition = eval_condition(*stmt.condition, frame);
    if (!condition || !*condition) return;
  }
  Term value = eval(*stmt.value, frame);
  const Term old = root.names[name];
  if (value.is_error() || old.is_error()) return;
  bool is_number = value.is_number() || (value.is_tensor() && is_float(value.dtype));
  bool is_fit = is_number && value.axes.size() <= old.axes.size() && match_axes(value.axes, old.axes);
  if (!is_fit) {
    Diagnostic& made = session.error(
        stmt.value->span, fmt::format("`{}` is `{}`, but its update is `{}`", name, describe(old), describe(value)),
        "update.C2");
    if (made.rule.empty()) return;
    for (const Axis& axis : value.axes) session.note_origin(made, axis);
    return;
  }
  ValueId updated = emit.spread(value, old.dtype, old.axes);
  // The state of a layer is saved, never differentiated.
  if (root.kind == FrameKind::Layer) updated = emit.at().unary("stop_gradient", updated);
  Term result = emit.tensor(updated, old.axes);
  name_value(result, stored->second + ".new");
  root.names[name] = result;
  emit.states[stored->second] = result;
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

// require rate < 1, "the rate is below 1": a rule of a layer, labelled after its arguments' rules.
void Evaluator::run_require(const Stmt& stmt, const FramePtr& frame) {
  Frame& root = *frame->root;
  int number = ++root.requirements + (root.decl ? static_cast<int>(root.decl->params.size()) : 0);
  Term condition = eval_static(*stmt.value, frame);
  if (condition.is_error() || (condition.is_literal() && condition.number() != 0)) return;
  std::string text = stmt.message.empty() ? print_expr(*stmt.value) : stmt.message;
  Span span = session.calls.empty() ? stmt.span : session.calls.back().span;
  session.error(span, fmt::format("{}: {}", root.what, text),
                fmt::format("{}.C{}", root.decl ? root.decl->name.text : "require", number));
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
  return emit.tensor(emit.spread(value, DType::F32, spec.axes), spec.axes);
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
