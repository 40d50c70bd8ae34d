// Which train block, model and data a program is built from, and the names that its parts take.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "frontend/data.h"
#include "frontend/program_builder.h"

namespace tarn {

using ast::Decl;
using ast::DeclKind;

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
  Module scratch;
  Emitter emit(session_, scratch, scratch.funcs.emplace_back(), 1, true);
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
// What a record of the log calls its own numbers, beside those of the validation and test rows: docs/program.md.
static bool is_taken_by_log(const std::string& name) {
  return name == "event" || name == "seconds" || name == "rows_per_second" || name == "rows" ||
         name.rfind("valid_", 0) == 0 || name.rfind("test_", 0) == 0;
}

static void check_reported_name(Session& session, const ast::Name& name, const char* what) {
  if (!is_taken_by_log(name.text)) return;
  session.error(
      name.span,
      fmt::format("`{}` cannot name {}: the program's log has a number of that name; choose another, as `{}_1`",
                  name.text, what, name.text),
      "name.duplicate");
}

void ProgramBuilder::take_names() {
  for (const char* name : {"step", "seed", "count", "total_steps", "epoch", "loss", "output"}) {
    session_.take_name(name, "a number of the program", {});
  }
  for (const auto& decl : session_.user_file().decls) {
    if (decl->kind == DeclKind::Hyper) session_.take_name(decl->name.text, "a hyper", decl->name.span);
  }
  for (size_t i = 1; i < spec_.losses.size(); ++i) {
    const ast::Entry& loss = *spec_.losses[i].entry;
    if (loss.names.empty()) continue;
    check_reported_name(session_, loss.names[0], "a loss");
    session_.take_name(loss.names[0].text, "a loss", loss.names[0].span);
  }
  for (const ast::Entry* metric : spec_.metrics) {
    check_reported_name(session_, metric->names[0], "a metric");
    session_.take_name(metric->names[0].text, "a metric", metric->names[0].span);
  }
  if (spec_.data) {
    std::set<std::string> fields;  // one that is declared twice is reported elsewhere
    for (const ast::Entry& field : spec_.data->entries) {
      if (fields.insert(field.key.text).second) session_.take_name(field.key.text, "a data field", field.key.span);
    }
    for (std::string_view name : byte_sources_of(*spec_.data)) {
      if (!fields.count(std::string(name))) {
        session_.take_name(std::string(name), "a source of the data", spec_.data->name.span);
      }
    }
  }
  // What predict reads is called as in the model, where no field is.
  if (!model_) return;
  for (const ast::Param& param : model_->params) {
    if (!find_field(param.name.text)) session_.take_name(param.name.text, "an input", param.name.span);
  }
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

}  // namespace tarn
