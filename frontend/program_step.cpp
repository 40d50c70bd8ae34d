// @train_step and @eval_step: the objective, its gradients, the optimizer.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/program_builder.h"
#include "frontend/reach.h"

namespace tarn {

using ast::Decl;
using ast::DeclKind;

Term ProgramBuilder::scalar_result(Evaluator& evaluator, const ast::Entry& entry, const FramePtr& frame,
                                   const char* rule) {
  Term value = evaluator.eval(*entry.value, frame);
  if (value.is_error()) return {};
  const char* what = entry.key.text == "loss" ? "the loss" : "a metric";
  bool is_scalar = value.is_tensor() && value.axes.empty() && is_float(value.dtype);
  if (value.is_literal() || (is_scalar && value.weak)) {
    session_.error(entry.value->span, fmt::format("{} does not depend on the model", what), "loss.reach");
    return {};
  }
  if (is_scalar) return value;
  Diagnostic& made =
      session_.error(entry.value->span, fmt::format("{} is one number, but this is `{}`", what, describe(value)), rule);
  if (!made.rule.empty() && value.is_tensor()) made.help({}, "mean(..) makes it the mean over the rows of the batch");
  return {};
}

Objective ProgramBuilder::evaluate(Evaluator& evaluator) {
  Objective objective;
  FramePtr frame = evaluator.make_frame(FrameKind::Train, train_);
  frame->data = spec_.data;
  for (const ast::Entry* entry : spec_.lets) {
    Term value = evaluator.eval(*entry->value, frame);
    evaluator.bind_names(entry->names, entry->is_tuple, value, frame, entry->value->span);
  }
  objective.loss = scalar_result(evaluator, *spec_.loss, frame, "loss.scalar");
  for (const ast::Entry* entry : spec_.metrics) {
    objective.metrics.emplace_back(entry->names[0].text, scalar_result(evaluator, *entry, frame, "loss.scalar"));
  }
  return objective;
}

void ProgramBuilder::add_objective(Emitter& emit, Objective& objective) {
  Builder b(emit.func());
  // Reported as f32, whatever they were computed in.
  auto reported = [&](const Term& value) { return emit.at().cast(value.value, DType::F32); };
  b.result(reported(objective.loss), "loss", Role::Loss);
  for (auto& [name, value] : objective.metrics) b.result(reported(value), name, Role::Metric);
  sort_arguments(emit.func());
}

void ProgramBuilder::check_reach(const std::vector<std::string>& paths, const std::vector<bool>& reached) {
  if (std::find(reached.begin(), reached.end(), true) == reached.end()) {
    session_.error(spec_.loss->value->span, "the loss reaches no parameter, so there is nothing to train",
                   "loss.reach");
    return;
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    if (reached[i]) continue;
    const ParamSpec& spec = session_.params.at(paths[i]);
    session_.warning(spec.used, fmt::format("the gradient of `{}` is zero: the loss does not depend on it", paths[i]),
                     "grad.zero");
  }
}

void ProgramBuilder::build_train_step(Func& func) {
  Emitter emit(session_, func, batch_, true);
  Evaluator evaluator = make_evaluator(emit, false);
  session_.user_span = spec_.loss->value->span;
  Objective objective = evaluate(evaluator);
  std::optional<OptimizerPlan> plan = read_optimizer(evaluator, *spec_.optimizer);
  if (session_.has_errors() || !plan) return;
  evaluator.name_value(objective.loss, "loss");
  for (auto& [name, value] : objective.metrics) evaluator.name_value(value, name);

  std::vector<bool> reach = gradient_reach(func, objective.loss.value);
  std::vector<std::string> trained;
  std::vector<bool> is_reached;
  for (const std::string& path : session_.param_order) {
    const ParamSpec& spec = session_.params.at(path);
    if (spec.role != Role::Param || is_frozen_for_ever(*plan, path)) continue;
    Term value = evaluator.param_value(spec);
    reach.resize(func.values.size(), false);
    trained.push_back(path);
    is_reached.push_back(reach[value.value.index]);
  }
  check_reach(trained, is_reached);
  if (session_.has_errors()) return;

  std::vector<std::string> paths;
  std::vector<ValueId> targets;
  for (size_t i = 0; i < trained.size(); ++i) {
    if (!is_reached[i]) continue;
    paths.push_back(trained[i]);
    targets.push_back(evaluator.param_value(session_.params.at(trained[i])).value);
  }
  session_.user_span = spec_.loss->value->span;
  std::vector<ValueId> values = emit.at().gradient(objective.loss.value, targets);
  std::vector<Term> gradients;
  for (size_t i = 0; i < paths.size(); ++i) {
    func.rename(values[i], "d." + paths[i]);
    gradients.push_back(emit.tensor(values[i], session_.params.at(paths[i]).axes));
  }
  if (spec_.clip_norm) {
    session_.user_span = spec_.clip_norm->span;
    FramePtr frame = evaluator.make_frame(FrameKind::Function, train_);
    Term limit = evaluator.eval(*spec_.clip_norm, frame);
    if (limit.is_number() || limit.is_runtime_scalar())
      clip_gradients(evaluator, limit, gradients, spec_.clip_norm->span);
    else if (!limit.is_error())
      session_.error(spec_.clip_norm->span, fmt::format("`clip_norm` is a number, but this is {}", describe(limit)),
                     "key.value");
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    // A copy: slots found on the way enter the table.
    ParamSpec spec = session_.params.at(paths[i]);
    update_parameter(evaluator, *plan, spec, gradients[i]);
  }
  Builder b(func);
  for (Role role : {Role::Param, Role::State, Role::Slot}) {
    for (const std::string& path : session_.param_order) {
      const ParamSpec& spec = session_.params.at(path);
      if (spec.role != role) continue;
      emit.argument(path, role, spec.dtype, spec.axes);
      b.result(evaluator.param_value(spec).value, path, role);
    }
  }
  session_.user_span = train_->name.span;
  ValueId step = emit.step();
  Builder& at = emit.at();
  ValueId one = at.constant(1, {DType::I64, {}});
  at.set_next_name("step.new");
  b.result(at.add(step, one), "step", Role::Step);
  add_objective(emit, objective);
}

void ProgramBuilder::build_eval_step(Func& func) {
  Emitter emit(session_, func, batch_, false);
  Evaluator evaluator = make_evaluator(emit, false);
  Objective objective = evaluate(evaluator);
  if (session_.has_errors()) return;
  evaluator.name_value(objective.loss, "loss");
  for (auto& [name, value] : objective.metrics) evaluator.name_value(value, name);
  add_objective(emit, objective);
}

}  // namespace tarn
