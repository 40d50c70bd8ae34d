// One discovery pass finds the parameters; then train_step, eval_step, predict and init are built, and the records.
#include "frontend/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "frontend/check_names.h"
#include "frontend/data.h"
#include "frontend/optimizer.h"
#include "frontend/reach.h"
#include "frontend/train.h"

namespace tarn {

using ast::Decl;
using ast::DeclKind;

namespace {

struct Objective {
  Term loss;
  std::vector<std::pair<std::string, Term>> metrics;
};

class ProgramBuilder {
 public:
  explicit ProgramBuilder(Session& session) : session_(session) {}

  std::optional<Module> build() {
    check_names(session_);
    choose();
    take_names();
    bool can_elaborate = model_ && (!train_ || (spec_.loss && spec_.data));
    if (!can_elaborate) return std::nullopt;
    module_.name = model_->name.text;
    Func& init = add_func("init");  // filled last, when all slots are known
    discover();
    session_.params_complete = true;
    if (session_.has_errors()) return std::nullopt;
    if (train_) {
      build_train_step(add_func("train_step"));
      if (session_.has_errors()) return std::nullopt;
      build_eval_step(add_func("eval_step"));
    }
    build_predict(add_func("predict"));
    build_init(init);
    add_records();
    check_defines();
    if (session_.has_errors()) return std::nullopt;
    return std::move(module_);
  }

 private:
  Func& add_func(const char* name) {
    module_.funcs.emplace_back();
    module_.funcs.back().name = name;
    return module_.funcs.back();
  }

  // Which train block or model
  void choose();
  const Decl* choose_train();
  const Decl* choose_model();
  void check_data(Evaluator& evaluator);
  void take_names();

  // Entry points
  void discover();
  Objective evaluate(Evaluator& evaluator);
  Term scalar_result(Evaluator& evaluator, const ast::Entry& entry, const FramePtr& frame, const char* rule);
  void build_train_step(Func& func);
  void check_reach(const std::vector<std::string>& paths, const std::vector<bool>& reached);
  void build_eval_step(Func& func);
  void build_predict(Func& func);
  const ast::Entry* find_field(const std::string& name) const;
  std::optional<Term> plain_input(Evaluator& evaluator, const ast::Param& param);
  void build_init(Func& func);
  void add_objective(Emitter& emit, Objective& objective);
  void add_records();
  void check_defines();

  Evaluator make_evaluator(Emitter& emit, bool discovering) {
    Evaluator evaluator(session_, emit, discovering);
    evaluator.prefix_models = prefix_models_;
    evaluator.inputs = discovering ? nullptr : &inputs_;
    return evaluator;
  }

  Session& session_;
  Module module_;
  const Decl* train_ = nullptr;
  const Decl* model_ = nullptr;
  TrainSpec spec_;
  Attrs data_attrs_;
  int64_t batch_ = 1;
  bool prefix_models_ = false;
  std::map<std::string, Attrs> inputs_;
};

const Decl* ProgramBuilder::choose_train() {
  const std::string& wanted = session_.options().train_name;
  std::vector<const Decl*> found;
  std::vector<std::string> names;
  for (const auto& decl : session_.user_file().decls) {
    if (decl->kind != DeclKind::Train) continue;
    names.push_back(decl->name.text);
    if (wanted.empty() || decl->name.text == wanted) found.push_back(decl.get());
  }
  if (found.size() == 1 || (found.empty() && wanted.empty())) return found.empty() ? nullptr : found[0];
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  session_.error(found.empty() ? Span{} : found[1]->name.span,
                 found.empty() ? fmt::format("there is no `train {}`", wanted)
                               : fmt::format("there are several `train` blocks ({}) and none is chosen", list),
                 "train.choice");
  return nullptr;
}

const Decl* ProgramBuilder::choose_model() {
  const std::string& wanted = session_.options().model_name;
  std::vector<const Decl*> found;
  std::string list;
  for (const auto& decl : session_.user_file().decls) {
    if (decl->kind != DeclKind::Model) continue;
    list += (list.empty() ? "" : ", ") + decl->name.text;
    if (wanted.empty() || decl->name.text == wanted) found.push_back(decl.get());
  }
  if (found.size() == 1) return found[0];
  Span end{session_.user_file().file, 0, 0};
  if (found.empty()) {
    session_.error(end, wanted.empty() ? "the file declares no model" : fmt::format("there is no `model {}`", wanted),
                   "model.none");
  } else {
    session_.error(found[1]->name.span,
                   fmt::format("there are several models ({}) and none is trained or chosen", list), "model.choice");
  }
  return nullptr;
}

// Whether a model is named anywhere in the expression.
static void collect_models(const ast::Expr& expr, const Session& session, std::vector<const Decl*>& models) {
  if (expr.kind == ast::ExprKind::Name) {
    const Decl* decl = session.find(expr.text);
    bool is_new =
        decl && decl->kind == DeclKind::Model && std::find(models.begin(), models.end(), decl) == models.end();
    if (is_new) models.push_back(decl);
  }
  for (const ast::ExprPtr& part : expr.parts) collect_models(*part, session, models);
  for (const ast::Arg& arg : expr.args) collect_models(*arg.value, session, models);
}

void ProgramBuilder::choose() {
  size_t errors = session_.error_count();
  train_ = choose_train();
  if (session_.error_count() != errors) return;
  Func scratch;
  Emitter emit(session_, scratch, 1, true);
  Evaluator evaluator = make_evaluator(emit, true);
  if (!train_) {
    model_ = choose_model();
    batch_ = session_.options().batch.value_or(1);
    return;
  }
  spec_ = read_train(evaluator, *train_);
  model_ = spec_.model;
  batch_ = session_.options().batch.value_or(spec_.batch);
  if (spec_.data) data_attrs_ = data_attrs(evaluator, *spec_.data);
  std::vector<const Decl*> models;
  for (const ast::Entry& entry : train_->entries) {
    if (entry.value) collect_models(*entry.value, session_, models);
  }
  prefix_models_ = models.size() > 1;
}

// The names of the step's arguments and results, which parameters may not have either.
void ProgramBuilder::take_names() {
  for (const char* name : {"step", "seed", "count", "total_steps", "epoch", "loss", "output"}) {
    session_.take_name(name, "a number of the program", {});
  }
  for (const auto& decl : session_.user_file().decls) {
    if (decl->kind == DeclKind::Hyper) session_.take_name(decl->name.text, "a hyper", decl->name.span);
  }
  for (const ast::Entry* metric : spec_.metrics) {
    session_.take_name(metric->names[0].text, "a metric", metric->names[0].span);
  }
  if (spec_.data) {
    std::set<std::string> fields;  // one that is declared twice is reported elsewhere
    for (const ast::Entry& field : spec_.data->entries) {
      if (fields.insert(field.key.text).second) session_.take_name(field.key.text, "a data field", field.key.span);
    }
    for (const char* name : {"images", "labels"}) {
      if (!fields.count(name)) session_.take_name(name, "a file of the data", spec_.data->name.span);
    }
  } else if (model_) {
    for (const ast::Param& param : model_->params) session_.take_name(param.name.text, "an input", param.name.span);
  }
}

// Fields that the objective does not read are checked too.
void ProgramBuilder::check_data(Evaluator& evaluator) {
  std::map<std::string, Span> seen;
  for (const ast::Entry& field : spec_.data->entries) {
    auto [first, is_new] = seen.emplace(field.key.text, field.key.span);
    if (!is_new) {
      session_.error(field.key.span, fmt::format("`{}` is declared twice", field.key.text), "key.duplicate")
          .note(first->second, "first here");
    }
    evaluator.data_field(*spec_.data, field);
  }
}

void ProgramBuilder::discover() {
  Func scratch;
  Emitter emit(session_, scratch, batch_, true);
  Evaluator evaluator = make_evaluator(emit, true);
  if (train_) {
    if (spec_.data) check_data(evaluator);
    evaluate(evaluator);
    evaluator.params_known = !session_.has_errors();
    if (spec_.optimizer) read_optimizer(evaluator, *spec_.optimizer);
    return;
  }
  std::vector<Term> args;
  for (const ast::Param& param : model_->params) {
    std::optional<Term> arg = plain_input(evaluator, param);
    if (!arg) return;
    args.push_back(*arg);
  }
  evaluator.call_model(*model_, std::move(args), model_->name.span);
}

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

static void sort_arguments(Func& func) {
  auto order = [](Role role) { return role == Role::Input ? 100 : static_cast<int>(role); };
  std::stable_sort(func.args.begin(), func.args.end(),
                   [&](const Argument& a, const Argument& b) { return order(a.role) < order(b.role); });
}

void ProgramBuilder::add_objective(Emitter& emit, Objective& objective) {
  Builder b(emit.func());
  b.result(objective.loss.value, "loss", Role::Loss);
  for (auto& [name, value] : objective.metrics) b.result(value.value, name, Role::Metric);
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
      emit.argument(path, role, DType::F32, spec.axes);
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

// An input of f32, or of labels, straight from the model's signature.
std::optional<Term> ProgramBuilder::plain_input(Evaluator& evaluator, const ast::Param& param) {
  auto fail = [&](const char* message) {
    session_
        .error(param.name.span, fmt::format("`{}` of model `{}` {}", param.name.text, model_->name.text, message),
               "model.input")
        .help({}, "as in `x: f32[B, 784]`; the first dimension, a name, is the batch");
    return std::nullopt;
  };
  if (!param.type || !param.type->has_dims || param.type->dims.empty()) return fail("needs a type with its dimensions");
  const std::string& element = param.type->element.text;
  if (element != "f32" && element != "class") return fail("is no f32[..] or class[..]");
  FramePtr frame = evaluator.make_frame(FrameKind::Function, model_);
  std::vector<Axis> axes;
  for (size_t i = 0; i < param.type->dims.size(); ++i) {
    const ast::Expr& dim = *param.type->dims[i];
    bool is_batch = i == 0 && dim.kind == ast::ExprKind::Name && !session_.find(dim.text);
    bool is_unknown =
        dim.kind == ast::ExprKind::Ellipsis || (dim.kind == ast::ExprKind::Name && !session_.find(dim.text));
    if (!is_batch && is_unknown) return fail("has a dimension without a known size");
    if (is_batch) {
      axes.push_back(evaluator.emit.fresh_batch_axis());
      continue;
    }
    std::optional<int64_t> size = evaluator.eval_size(dim, frame);
    if (!size) return std::nullopt;
    axes.push_back(evaluator.emit.fresh_axis(*size, "", dim.span));
  }
  if (element == "f32") return evaluator.emit.argument(param.name.text, Role::Input, DType::F32, axes);
  std::optional<int64_t> classes = evaluator.eval_size(*param.type->classes, frame);
  if (!classes) return std::nullopt;
  Term labels = evaluator.emit.argument(param.name.text, Role::Input, DType::I32, axes);
  labels.classes = *classes;
  return labels;
}

const ast::Entry* ProgramBuilder::find_field(const std::string& name) const {
  if (!spec_.data) return nullptr;
  for (const ast::Entry& entry : spec_.data->entries) {
    if (entry.key.text == name) return &entry;
  }
  return nullptr;
}

void ProgramBuilder::build_predict(Func& func) {
  Emitter emit(session_, func, batch_, false);
  Evaluator evaluator = make_evaluator(emit, false);
  std::vector<Term> args;
  for (const ast::Param& param : model_->params) {
    const ast::Entry* field = find_field(param.name.text);
    std::optional<Term> arg = field ? evaluator.data_field(*spec_.data, *field) : plain_input(evaluator, param);
    if (!arg || arg->is_error()) return;
    args.push_back(*arg);
  }
  session_.user_span = model_->name.span;
  Term output = evaluator.call_model(*model_, std::move(args), model_->name.span);
  if (output.is_error()) return;
  std::vector<Term> outputs = output.kind == TermKind::Tuple ? output.items : std::vector<Term>{output};
  Builder b(func);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].is_tensor() || outputs[i].weak) {
      session_.error(model_->name.span,
                     fmt::format("model `{}` gives {}, which is no tensor", model_->name.text, describe(outputs[i])),
                     "model.output");
      return;
    }
    b.result(outputs[i].value, outputs.size() == 1 ? "output" : fmt::format("output.{}", i + 1), Role::Output);
  }
  sort_arguments(func);
}

void ProgramBuilder::build_init(Func& func) {
  Emitter emit(session_, func, batch_, true);
  Evaluator evaluator = make_evaluator(emit, false);
  Builder b(func);
  std::vector<std::pair<const ParamSpec*, Term>> values;
  emit.seed();
  for (const std::string& path : session_.param_order) {
    const ParamSpec& spec = session_.params.at(path);
    Term value = evaluator.initial_value(spec);
    if (value.is_error()) continue;
    evaluator.name_value(value, path);
    values.emplace_back(&spec, value);
  }
  emit.path.clear();
  for (Role role : {Role::Param, Role::State, Role::Slot}) {
    for (auto& [spec, value] : values) {
      if (spec->role == role) b.result(value.value, spec->path, role);
    }
  }
  if (!train_) return;
  session_.user_span = train_->name.span;
  ValueId step = emit.at().constant(0, {DType::I64, {}});
  func.rename(step, "step");
  b.result(step, "step", Role::Step);
}

void ProgramBuilder::add_records() {
  module_.records.push_back({"model", model_->name.text, {{"source", std::string(session_.source_name())}}});
  if (!train_ || !spec_.data) return;
  module_.records.push_back({"data", spec_.data->name.text, data_attrs_});
  for (auto& [name, attrs] : inputs_) module_.records.push_back({"input", name, attrs});
  std::vector<std::string> metrics;
  for (const ast::Entry* entry : spec_.metrics) metrics.push_back(entry->names[0].text);
  Attrs train = {{"epochs", spec_.epochs}, {"batch", batch_}, {"shuffle", spec_.shuffle}, {"seed", spec_.seed}};
  if (!metrics.empty()) train["metrics"] = metrics;
  module_.records.push_back({"train", train_->name.text, std::move(train)});
  if (spec_.early_stop) module_.records.push_back({"early_stop", train_->name.text, *spec_.early_stop});
  if (spec_.checkpoint) module_.records.push_back({"checkpoint", train_->name.text, *spec_.checkpoint});
}

void ProgramBuilder::check_defines() {
  std::vector<std::string> names;
  for (const auto& decl : session_.user_file().decls) {
    if (decl->kind == DeclKind::Const) names.push_back(decl->name.text);
  }
  for (const auto& [name, value] : session_.options().defines) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string nearest = nearest_name(name, names);
    session_.error({},
                   fmt::format("-D {}: the file has no `const {}`{}", name, name,
                               nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                   "define.unknown");
  }
}

}  // namespace

std::optional<Module> build_program(Session& session) {
  return ProgramBuilder(session).build();
}

}  // namespace tarn
