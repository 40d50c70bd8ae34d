// param, state and update: what a layer or optimizer owns and leaves behind.
#include <fmt/format.h>

#include "frontend/evaluator.h"

namespace tarn {

using ast::Stmt;
using ast::StmtKind;

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
  DType dtype = DType::F32;
  if (kind == FrameKind::Optimizer) {
    const Term& parameter = frame->root->names[frame->root->decl->supplied[0].name.text];
    axes = parameter.axes;
    dtype = parameter.dtype;
    if (stmt.type) {
      std::optional<DType> declared = stored_type(stmt, frame);
      if (!declared) return;
      dtype = *declared;
    }
    for (Axis& axis : axes) axis.origin = {};
  } else {
    std::optional<DType> declared = stored_type(stmt, frame);
    if (!declared) return;
    dtype = *declared;
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
  const ParamSpec* spec = declare(stmt, role, dtype, std::move(axes), frame);
  if (!spec) return;
  frame->names[name] = param_value(*spec);
  if (role != Role::Param) frame->root->stored[name] = spec->path;
}

// The element type of a parameter (a float), state (anything) or slot (anything, without dimensions).
std::optional<DType> Evaluator::stored_type(const Stmt& stmt, const FramePtr& frame) {
  bool is_param = stmt.kind == StmtKind::Param;
  std::string element = stmt.type ? stmt.type->element.text : "";
  std::optional<DType> dtype = dtype_from_name(element);
  if (element == "float") dtype = frame->root->float_type.value_or(DType::F32);
  bool is_slot = frame->root->kind == FrameKind::Optimizer, is_sized = stmt.type && stmt.type->has_dims;
  if (dtype && !(is_slot && is_sized) && *dtype != DType::U8 && (is_float(*dtype) || !is_param)) return dtype;
  session.error(stmt.span,
                fmt::format("`{}` needs a type {}", stmt.names[0].text,
                            is_param  ? "f32[..], f64[..], f16[..], bf16[..] or float[..]"
                            : is_slot ? "such as f32, without dimensions: its shape is the parameter's"
                                      : "of numbers or truth values, such as f32[..]"),
                "param.type");
  return std::nullopt;
}

Term Evaluator::param_value(const ParamSpec& spec) {
  if (auto found = emit.states.find(spec.path); found != emit.states.end()) return found->second;
  return emit.argument(spec.path, spec.role, spec.dtype, spec.axes);
}

// Enters a parameter, or finds it again and checks that this use agrees with the first.
const ParamSpec* Evaluator::declare(const Stmt& stmt, Role role, DType dtype, std::vector<Axis> axes,
                                    const FramePtr& frame) {
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
    spec = {path, role, dtype, std::move(axes), stmt.value.get(), frame, stmt.span, session.user_span};
    session.param_order.push_back(path);
    return &spec;
  }
  if (spec.declared.begin != stmt.span.begin || spec.declared.file != stmt.span.file) {
    session.error(stmt.names[0].span, fmt::format("`{}` is declared twice", path), "name.duplicate")
        .note(spec.declared, "first declared here");
    return nullptr;
  }
  if (dtype != spec.dtype) {
    session.error(
        session.calls.empty() ? stmt.span : session.calls.back().span,
        fmt::format("`{}` is {} here and {} in its first use", path, dtype_name(dtype), dtype_name(spec.dtype)),
        "param.type");
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
  if (emit.in_loop()) {
    session
        .error(stmt.span,
               fmt::format("`{}` is updated in each step, but in a `scan` it would be in each iteration", name),
               "update.C3")
        .help({}, "carry the value through the loop and update the state after it");
    return;
  }
  if (stmt.condition) {
    std::optional<bool> condition = eval_condition(*stmt.condition, frame);
    if (!condition || !*condition) return;
  }
  Term value = eval(*stmt.value, frame);
  const Term old = root.names[name];
  if (value.is_error() || old.is_error()) return;
  bool is_number = value.is_number() || value.weak || (value.is_tensor() && value.dtype == old.dtype);
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
  if (root.kind == FrameKind::Layer && is_float(old.dtype)) updated = emit.at().unary("stop_gradient", updated);
  Term result = emit.tensor(updated, old.axes);
  name_value(result, stored->second + ".new");
  root.names[name] = result;
  emit.states[stored->second] = result;
}

}  // namespace tarn
