// Arguments of a call, by position and name: static ones and tensors.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "frontend/call.h"

namespace tarn {

using ast::Expr;

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
      Diagnostic& made = session.error(arg.name.text.empty() ? arg.value->span : arg.name.span,
                                       fmt::format("{} has {}{}", words(decl.kind, decl.name.text), what,
                                                   nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                                       "call.args");
      if (!made.rule.empty() && !names.empty())
        made.help({}, fmt::format("its static arguments are {}", fmt::join(names, ", ")));
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
          .help({},
                fmt::format("static arguments stand in `[..]`, as in `{}[{} = 2]`", decl.name.text, param.name.text));
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
      bool is_static = false;
      for (const ast::Param& param : decl.statics) is_static = is_static || param.name.text == arg.name.text;
      if (made.rule.empty()) {
      } else if (is_static) {
        made.help({}, fmt::format("`{}` is static: write it in `[..]`", arg.name.text));
      } else if (!names.empty()) {
        made.help({}, fmt::format("its arguments are {}{}", fmt::join(names, ", "),
                                  decl.statics.empty() ? "" : "; static ones stand in `[..]`"));
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

}  // namespace tarn
