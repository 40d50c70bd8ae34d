// What the program is not built from is checked too, so that one run reports the errors of all declarations.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "frontend/data.h"
#include "frontend/program_builder.h"

namespace tarn {

using ast::Decl;
using ast::DeclKind;

// Fields that the objective does not read are checked too.
void ProgramBuilder::check_data(Evaluator& evaluator, const Decl& data) {
  std::map<std::string, Span> seen;
  for (const ast::Entry& field : data.entries) {
    auto [first, is_new] = seen.emplace(field.key.text, field.key.span);
    if (!is_new) {
      session_.error(field.key.span, fmt::format("`{}` is declared twice", field.key.text), "key.duplicate")
          .note(first->second, "first here");
    }
    evaluator.data_field(data, field);
  }
}

// Whether the sizes of its inputs are all there, so that it can be elaborated by itself.
static bool has_sizes(const Decl& model, const Session& session) {
  return std::all_of(model.params.begin(), model.params.end(), [&](const ast::Param& param) {
    if (!param.type || !param.type->has_dims || param.type->dims.empty()) return false;
    return std::all_of(param.type->dims.begin() + 1, param.type->dims.end(), [&](const ast::ExprPtr& dim) {
      bool is_unknown = dim->kind == ast::ExprKind::Name && !session.find(dim->text);
      return !is_unknown && dim->kind != ast::ExprKind::Ellipsis;
    });
  });
}

// Elaborates a model on inputs of its signature and forgets its parameters.
void ProgramBuilder::check_model(const Decl& model) {
  if (!has_sizes(model, session_)) return;
  auto params = std::exchange(session_.params, {});
  auto order = std::exchange(session_.param_order, {});
  auto taken = std::exchange(session_.taken, {});
  Module scratch;
  Emitter emit(session_, scratch, scratch.funcs.emplace_back(), batch_, true);
  Evaluator evaluator = make_evaluator(emit, true);
  std::vector<Term> args;
  for (const ast::Param& param : model.params) {
    std::optional<Term> arg = plain_input(evaluator, model, param);
    if (arg) args.push_back(*arg);
  }
  session_.user_span = model.name.span;
  if (args.size() == model.params.size()) evaluator.call_model(model, std::move(args), model.name.span);
  session_.params = std::move(params);
  session_.param_order = std::move(order);
  session_.taken = std::move(taken);
}

void ProgramBuilder::check_others() {
  for (const auto& decl : session_.user_file().decls) {
    if (decl->kind == DeclKind::Model && decl.get() != model_) check_model(*decl);
    if (decl->kind != DeclKind::Data || decl.get() == spec_.data) continue;
    Module scratch;
    Emitter emit(session_, scratch, scratch.funcs.emplace_back(), batch_, true);
    Evaluator evaluator = make_evaluator(emit, true);
    data_attrs(evaluator, *decl);
    check_data(evaluator, *decl);
  }
}

// Early stopping needs the rows that it watches.
void ProgramBuilder::check_watched_split() {
  if (!spec_.early_stop || !spec_.data) return;
  const std::string& split = attr_string(*spec_.early_stop, "split");
  bool has_file = std::any_of(inputs_.begin(), inputs_.end(),
                              [&](const auto& input) { return input.second.count(split + "_source") > 0; });
  if (split == "train" || data_attrs_.count(split) || has_file) return;
  const std::string& format = attr_string(data_attrs_, "format");
  session_
      .error(spec_.early_stop_span,
             fmt::format("`early_stop` watches the split `{}`, but data `{}` has none", split, spec_.data->name.text),
             "split.missing")
      .help(spec_.data->value->span, fmt::format("`{}(.., {} = 0.2)` holds back a fifth of the rows", format, split));
}

// One that nothing reads has no flag in the program.
void ProgramBuilder::check_hypers() {
  std::set<std::string> used;
  for (const Func& func : module_.funcs) {
    for (const Argument& arg : func.args) {
      if (arg.role == Role::Hyper) used.insert(func.name_of(arg.value));
    }
  }
  for (const auto& decl : session_.user_file().decls) {
    if (decl->kind != DeclKind::Hyper || used.count(decl->name.text)) continue;
    session_.warning(decl->name.span,
                     fmt::format("nothing uses `{}`, so the program has no flag `--{}`; use it or remove it",
                                 decl->name.text, decl->name.text),
                     "hyper.unused");
  }
}

}  // namespace tarn
