// @train_step and @eval_step: the objective, its gradients, the optimizer.
#include <fmt/format.h>

#include <cmath>

#include "frontend/program_builder.h"
#include "frontend/reach.h"

namespace tarn {

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
  Term rows = integer_term(batch_);
  rows.is_dimension = rows.from_batch = true;
  frame->names["B"] = rows;
  for (const ast::Entry* entry : spec_.lets) {
    Term value = evaluator.eval(*entry->value, frame);
    evaluator.bind_names(entry->names, entry->is_tuple, value, frame, entry->value->span);
  }
  for (const LossSpec& loss : spec_.losses) {
    evaluator.restart_model_calls();
    objective.losses.push_back(scalar_result(evaluator, *loss.entry, frame, "loss.scalar"));
  }
  for (const ast::Entry* entry : spec_.metrics) {
    evaluator.restart_model_calls();
    objective.metrics.emplace_back(entry->names[0].text, scalar_result(evaluator, *entry, frame, "loss.scalar"));
  }
  return objective;
}

void ProgramBuilder::add_objective(Emitter& emit, Objective& objective) {
  Builder b(emit.func());
  // Reported as they were computed, but at least in f32.
  auto reported = [&](const Term& value) {
    return emit.at().cast(value.value, value.dtype == DType::F64 ? DType::F64 : DType::F32);
  };
  // A step whose loss is not finite changes nothing: of several losses, one that is not finite is reported.
  Builder& at = emit.at();
  ValueId loss = reported(objective.losses[0]);
  DType dtype = emit.func().type(loss).dtype;
  for (size_t i = 1; i < objective.losses.size(); ++i) {
    ValueId other = reported(objective.losses[i]);
    ValueId is_finite = at.op("lt", {at.unary("abs", other), at.constant_like(other, HUGE_VAL)});
    loss = at.select(is_finite, loss, at.cast(other, dtype));
    b.result(other, spec_.losses[i].name, Role::Metric);
  }
  b.result(loss, "loss", Role::Loss);
  for (auto& [name, value] : objective.metrics) b.result(reported(value), name, Role::Metric);
  sort_arguments(emit.func());
}

bool ProgramBuilder::is_covered(const LossSpec& loss, const std::string& path) const {
  if (loss.globs.empty()) return true;
  for (const ast::Expr* glob : loss.globs) {
    if (matches_glob(path, glob->text)) return true;
  }
  return false;
}

// Of several losses, exactly one trains each parameter.
void ProgramBuilder::check_cover(const std::vector<std::string>& trained) {
  for (const LossSpec& loss : spec_.losses) {
    for (const ast::Expr* glob : loss.globs) {
      bool fits = false;
      for (const std::string& path : trained) fits = fits || matches_glob(path, glob->text);
      if (!fits) report_empty_glob(session_, glob->text, trained, glob->span);
    }
  }
  for (const std::string& path : trained) {
    std::vector<const LossSpec*> covering;
    for (const LossSpec& loss : spec_.losses) {
      if (is_covered(loss, path)) covering.push_back(&loss);
    }
    if (covering.size() == 1) continue;
    const ast::Entry& first = *(covering.empty() ? &spec_.losses[0] : covering[1])->entry;
    session_
        .error(first.key.span,
               fmt::format("`{}` is trained by {}", path, covering.empty() ? "no loss" : "more than one loss"),
               "loss.cover")
        .help({}, "the patterns after `over` divide the parameters among the losses; `freeze` excepts some");
  }
}

// The gradients of a loss with respect to the parameters that it trains, all at the weights before the step.
void ProgramBuilder::differentiate(Evaluator& evaluator, size_t number, const Term& loss,
                                   const std::vector<std::string>& trained, std::vector<Derivative>& derivatives) {
  Func& func = evaluator.emit.func();
  const LossSpec& spec = spec_.losses[number];
  std::vector<bool> reach = gradient_reach(module_, func, loss.value);
  std::vector<std::string> paths, unreached;
  std::vector<ValueId> targets;
  for (const std::string& path : trained) {
    if (!is_covered(spec, path)) continue;
    const ParamSpec& param = session_.params.at(path);
    ValueId value = evaluator.param_value(param).value;
    reach.resize(func.values.size(), false);
    if (reach[value.index]) {
      paths.push_back(path);
      targets.push_back(value);
      continue;
    }
    unreached.push_back(path);
  }
  session_.user_span = spec.entry->value->span;
  if (paths.empty()) {
    session_.error(session_.user_span, "the loss reaches no parameter, so there is nothing to train", "loss.reach");
    return;
  }
  for (const std::string& path : unreached) {
    session_.warning(session_.params.at(path).used,
                     fmt::format("the gradient of `{}` is zero: the loss does not depend on it", path), "grad.zero");
  }
  std::vector<ValueId> values = evaluator.emit.at().gradient(loss.value, targets);
  for (size_t i = 0; i < paths.size(); ++i) {
    func.rename(values[i], "d." + paths[i]);
    derivatives.push_back({paths[i], evaluator.emit.tensor(values[i], session_.params.at(paths[i]).axes)});
  }
}

// nullopt: gradients are not clipped, or the limit is wrong.
std::optional<Term> ProgramBuilder::clip_limit(Evaluator& evaluator) {
  if (!spec_.clip_norm) return std::nullopt;
  session_.user_span = spec_.clip_norm->span;
  FramePtr frame = evaluator.make_frame(FrameKind::Function, train_);
  Term limit = evaluator.eval(*spec_.clip_norm, frame);
  if (limit.is_error()) return std::nullopt;
  if (limit.is_runtime_scalar() || (limit.is_number() && limit.number() > 0)) return limit;
  session_.error(spec_.clip_norm->span, fmt::format("`clip_norm` is a number above 0, but this is {}", describe(limit)),
                 "key.value");
  return std::nullopt;
}

// Scales the gradients of one loss, those from `first` on.
void ProgramBuilder::clip(Evaluator& evaluator, std::vector<Derivative>& derivatives, size_t first) {
  std::optional<Term> limit = clip_limit(evaluator);
  if (!limit) return;
  std::vector<Term> gradients;
  for (size_t i = first; i < derivatives.size(); ++i) gradients.push_back(derivatives[i].gradient);
  clip_gradients(evaluator, *limit, gradients, spec_.clip_norm->span);
  for (size_t i = first; i < derivatives.size(); ++i) derivatives[i].gradient = gradients[i - first];
}

void ProgramBuilder::name_objective(Evaluator& evaluator, const Objective& objective) {
  for (size_t i = 0; i < objective.losses.size(); ++i) evaluator.name_value(objective.losses[i], spec_.losses[i].name);
  for (const auto& [name, value] : objective.metrics) evaluator.name_value(value, name);
}

void ProgramBuilder::build_train_step(Func& func) {
  Emitter emit(session_, module_, func, batch_, true);
  Evaluator evaluator = make_evaluator(emit, false);
  session_.user_span = spec_.losses[0].entry->value->span;
  Objective objective = evaluate(evaluator);
  std::optional<OptimizerPlan> plan = read_optimizer(evaluator, *spec_.optimizer);
  if (session_.has_errors() || !plan) return;
  name_objective(evaluator, objective);
  std::vector<std::string> trained;
  for (const std::string& path : session_.param_order) {
    bool is_param = session_.params.at(path).role == Role::Param;
    if (is_param && !is_frozen_for_ever(*plan, path)) trained.push_back(path);
  }
  check_cover(trained);
  std::vector<Derivative> derivatives;
  for (size_t i = 0; i < objective.losses.size(); ++i) {
    size_t first = derivatives.size();
    differentiate(evaluator, i, objective.losses[i], trained, derivatives);
    clip(evaluator, derivatives, first);
  }
  if (session_.has_errors()) return;
  for (const Derivative& derivative : derivatives) {
    // A copy: slots found on the way enter the table.
    ParamSpec spec = session_.params.at(derivative.path);
    update_parameter(evaluator, *plan, spec, derivative.gradient);
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
  Emitter emit(session_, module_, func, batch_, false);
  Evaluator evaluator = make_evaluator(emit, false);
  Objective objective = evaluate(evaluator);
  if (session_.has_errors()) return;
  name_objective(evaluator, objective);
  add_objective(emit, objective);
}

}  // namespace tarn
