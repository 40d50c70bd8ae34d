// One discovery pass finds the parameters; then train_step, eval_step, predict and init are built, and the records.
#include "frontend/program.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/check_names.h"
#include "frontend/program_builder.h"

namespace tarn {

std::optional<Module> ProgramBuilder::build() {
  check_names(session_);
  choose();
  take_names();
  bool can_elaborate = model_ && (!train_ || (!spec_.losses.empty() && spec_.data));
  if (!can_elaborate) {
    check_others();
    return std::nullopt;
  }
  module_.name = model_->name.text;
  Func& init = add_func(EntryPoint::Init);  // filled last, when all slots are known
  discover();
  check_others();
  session_.params_complete = true;
  if (session_.has_errors()) return std::nullopt;
  if (train_) {
    build_train_step(add_func(EntryPoint::TrainStep));
    if (session_.has_errors()) return std::nullopt;
    build_eval_step(add_func(EntryPoint::EvalStep));
  }
  build_predict(add_func(EntryPoint::Predict));
  build_init(init);
  add_records();
  check_watched_split();
  check_hypers();
  check_defines();
  if (session_.has_errors()) return std::nullopt;
  for (Func& func : module_.funcs) drop_undefined_values(func);
  return std::move(module_);
}

// Where a path is asked for before the layer that has it was met, all is gone through once more.
void ProgramBuilder::discover() {
  bool is_missing = false;
  search_params(&is_missing);
  if (is_missing) search_params(nullptr);
}

void ProgramBuilder::search_params(bool* missing) {
  Module scratch;
  Emitter emit(session_, scratch, scratch.funcs.emplace_back(), batch_, true);
  Evaluator evaluator = make_evaluator(emit, true);
  evaluator.missing_params = missing;
  if (train_) {
    if (spec_.data) check_data(evaluator, *spec_.data);
    size_t errors = session_.errors_met();
    evaluate(evaluator);
    evaluator.params_known = session_.errors_met() == errors;
    if (spec_.optimizer) read_optimizer(evaluator, *spec_.optimizer);
    clip_limit(evaluator);
    return;
  }
  std::vector<Term> args;
  for (const ast::Param& param : model_->params) {
    std::optional<Term> arg = plain_input(evaluator, *model_, param);
    if (!arg) return;
    args.push_back(*arg);
  }
  evaluator.call_model(*model_, std::move(args), model_->name.span);
}

void sort_arguments(Func& func) {
  auto order = [](Role role) { return role == Role::Input ? 100 : static_cast<int>(role); };
  std::stable_sort(func.args.begin(), func.args.end(),
                   [&](const Argument& a, const Argument& b) { return order(a.role) < order(b.role); });
}

// An input of f32, or of labels, straight from the model's signature.
std::optional<Term> ProgramBuilder::plain_input(Evaluator& evaluator, const ast::Decl& model, const ast::Param& param) {
  auto fail = [&](const char* message) {
    session_
        .error(param.name.span, fmt::format("`{}` of model `{}` {}", param.name.text, model.name.text, message),
               "model.input")
        .help({}, "as in `x: f32[B, 784]`; the first dimension, a name, is the batch");
    return std::nullopt;
  };
  if (!param.type || !param.type->has_dims || param.type->dims.empty()) return fail("needs a type with its dimensions");
  const std::string& element = param.type->element.text;
  std::optional<DType> dtype = dtype_from_name(element);
  if (element == "float") dtype = DType::F32;
  if (element != "class" && !dtype) return fail("is no f32[..] or class[..]");
  FramePtr frame = evaluator.make_frame(FrameKind::Function, &model);
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
    if (i == 0) unbatched_.insert(param.name.text);
    std::optional<int64_t> size = evaluator.eval_size(dim, frame);
    if (!size) return std::nullopt;
    axes.push_back(evaluator.emit.fresh_axis(*size, "", dim.span));
  }
  if (dtype) return evaluator.emit.argument(param.name.text, Role::Input, *dtype, axes);
  std::optional<int64_t> classes = evaluator.eval_size(*param.type->classes, frame);
  if (!classes) return std::nullopt;
  Term labels = evaluator.emit.argument(param.name.text, Role::Input, DType::I32, axes);
  labels.classes = *classes;
  classes_[param.name.text] = *classes;
  return labels;
}

const ast::Entry* ProgramBuilder::find_field(const std::string& name) const {
  if (!spec_.data) return nullptr;
  for (const ast::Entry& entry : spec_.data->entries) {
    if (entry.key.text == name) return &entry;
  }
  return nullptr;
}

// The arguments that a value is made from.
static std::vector<const Argument*> sources_of(const Func& func, ValueId value) {
  std::set<ValueId> needed = {value};
  for (auto op = func.ops.rbegin(); op != func.ops.rend(); ++op) {
    bool is_needed =
        std::any_of(op->results.begin(), op->results.end(), [&](ValueId r) { return needed.count(r) > 0; });
    if (is_needed) needed.insert(op->operands.begin(), op->operands.end());
  }
  std::vector<const Argument*> sources;
  for (const Argument& arg : func.args) {
    if (needed.count(arg.value) > 0) sources.push_back(&arg);
  }
  return sources;
}

// Rows come in batches that the model does not choose: an output has a part for each row, or is the same for all.
bool ProgramBuilder::check_output(const Func& func, const Term& output, const std::string& name) {
  auto is_batch = [](const Axis& axis) { return axis.is_batch(); };
  auto batch = std::find_if(output.axes.begin(), output.axes.end(), is_batch);
  auto fail = [&](const std::string& what, const char* cure) {
    session_
        .error(model_->name.span,
               fmt::format("the output `{}` of model `{}` {}", describe(output), model_->name.text, what),
               "model.output")
        .help({}, cure);
    return false;
  };
  if (batch == output.axes.end()) {
    for (const Argument* source : sources_of(func, output.value)) {
      bool is_of_batch = source->role == Role::Count ||
                         (source->role == Role::Input && unbatched_.count(func.name_of(source->value)) == 0);
      if (is_of_batch)
        return fail("is one for a whole batch, which holds whatever rows come together",
                    "reduce over other dimensions, as in `sum(x, over = -1)`, so that each row keeps its own; what is "
                    "made of all rows is a `metric`");
    }
    unbatched_.insert(name);
    return true;
  }
  if (std::find_if(batch + 1, output.axes.end(), is_batch) != output.axes.end())
    return fail("has two dimensions of the batch: each row's part depends on what rows come with it",
                "combine rows in the loss, or give the other rows as an input without the batch, `y: f32[100, 4]`");
  if (batch != output.axes.begin() || batch->size != batch_ * batch->inner)
    return fail("does not begin with the batch, so that rows cannot be written one after the other",
                "put the batch first, as in `transpose(x)`");
  return true;
}

void ProgramBuilder::build_predict(Func& func) {
  Emitter emit(session_, module_, func, batch_, false);
  Evaluator evaluator = make_evaluator(emit, false);
  std::vector<Term> args;
  for (const ast::Param& param : model_->params) {
    const ast::Entry* field = find_field(param.name.text);
    std::optional<Term> arg =
        field ? evaluator.data_field(*spec_.data, *field) : plain_input(evaluator, *model_, param);
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
    std::string name = outputs.size() == 1 ? "output" : fmt::format("output.{}", i + 1);
    if (!check_output(func, outputs[i], name)) return;
    b.result(outputs[i].value, name, Role::Output);
  }
  sort_arguments(func);
}

void ProgramBuilder::build_init(Func& func) {
  Emitter emit(session_, module_, func, batch_, true);
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
  module_.records.push_back(
      {"model", model_->name.text, {{"batch", batch_}, {"source", std::string(session_.source_name())}}});
  for (const auto& [input, count] : classes_) module_.records.push_back({"classes", input, {{"classes", count}}});
  for (const std::string& name : unbatched_) module_.records.push_back({"unbatched", name, {}});
  if (!train_ || !spec_.data) return;
  module_.records.push_back({"data", spec_.data->name.text, data_attrs_});
  for (auto& [name, attrs] : inputs_) module_.records.push_back({"input", name, attrs});
  std::vector<std::string> metrics;
  for (size_t i = 1; i < spec_.losses.size(); ++i) metrics.push_back(spec_.losses[i].name);
  for (const ast::Entry* entry : spec_.metrics) metrics.push_back(entry->names[0].text);
  Attrs train = {{"epochs", spec_.epochs}, {"shuffle", spec_.shuffle}, {"seed", spec_.seed}};
  if (!metrics.empty()) train["metrics"] = metrics;
  module_.records.push_back({"train", train_->name.text, std::move(train)});
  if (spec_.steps > 0) module_.records.back().attrs["steps"] = spec_.steps;
  if (spec_.evaluate) module_.records.push_back({"evaluate", train_->name.text, *spec_.evaluate});
  if (spec_.early_stop) module_.records.push_back({"early_stop", train_->name.text, *spec_.early_stop});
  if (spec_.checkpoint) module_.records.push_back({"checkpoint", train_->name.text, *spec_.checkpoint});
}

std::optional<Module> build_program(Session& session) {
  return ProgramBuilder(session).build();
}

}  // namespace tarn
