// Calls of builtin functions: arguments are matched to parameters, then the function's own code runs.
#include <fmt/format.h>

#include "frontend/call.h"

namespace tarn {

// The number of the parameter that the argument is for; that of no parameter where there is none.  `position`: of the
// next argument without a name.
static size_t place_of(const ast::Arg& arg, const Builtin& builtin, size_t& position) {
  size_t place = builtin.params.size();
  if (!arg.name.text.empty()) {
    for (size_t i = 0; i < builtin.params.size(); ++i) {
      if (builtin.params[i].name == arg.name.text) place = i;
    }
  } else if (position < builtin.params.size()) {
    // Options such as `over` and `axis` of variadic functions are given by name only.
    bool is_option = builtin.is_variadic && builtin.params[position].is_optional;
    if (!is_option) place = position++;
  }
  return place;
}

static void report_no_place(Session& session, const ast::Arg& arg, const Builtin& builtin) {
  std::vector<std::string> names;
  for (const BuiltinParam& param : builtin.params) names.push_back(param.name);
  if (arg.name.text.empty()) {
    session.error(
        arg.value->span,
        fmt::format("`{}` takes at most {} argument{}", builtin.name, names.size(), names.size() == 1 ? "" : "s"),
        "call.args");
    return;
  }
  std::string nearest = nearest_name(arg.name.text, names);
  session.error(arg.name.span,
                fmt::format("`{}` has no argument `{}`{}", builtin.name, arg.name.text,
                            nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                "call.args");
}

Term Evaluator::apply_builtin(const Call& call) {
  const Builtin& builtin = *call.callee.builtin;
  BuiltinCall made;
  made.builtin = &builtin;
  made.args.resize(builtin.params.size());
  made.statics = call.callee.expr;
  made.statics_frame = call.callee.frame;
  made.frame = call.frame;
  made.span = call.span;
  if (is_unsupported(builtin)) return builtin.run(*this, made);
  if (builtin.has_statics && builtin.needs_statics && !made.statics) {
    session.error(call.span, fmt::format("`{}` takes sizes in `[..]`, as in `{}[B, 10]`", builtin.name, builtin.name),
                  "call.args");
    return {};
  }
  size_t position = 0;
  bool is_sound = true;
  if (call.piped) {
    if (builtin.params.empty()) return {};
    is_sound = !call.piped->is_error();
    made.args[position++] = *call.piped;
  }
  for (const ast::Arg& arg : call.written()) {
    size_t place = place_of(arg, builtin, position);
    if (place < builtin.params.size()) {
      const BuiltinParam& param = builtin.params[place];
      Term value = param.kind == ArgKind::Axes     ? eval_axes(*arg.value, call.frame)
                   : param.kind == ArgKind::Static ? eval_static(*arg.value, call.frame)
                                                   : eval(*arg.value, call.frame);
      if (made.args[place]) {
        session.error(arg.value->span, fmt::format("`{}` is given twice", param.name), "call.args");
        is_sound = false;
      }
      is_sound = is_sound && !value.is_error();
      made.args[place] = std::move(value);
    } else if (builtin.is_variadic && arg.name.text.empty()) {
      made.rest.push_back(eval(*arg.value, call.frame));
      is_sound = is_sound && !made.rest.back().is_error();
    } else {
      report_no_place(session, arg, builtin);
      is_sound = false;
    }
  }
  for (size_t i = 0; i < builtin.params.size(); ++i) {
    if (made.args[i] || builtin.params[i].is_optional) continue;
    session.error(call.span, fmt::format("`{}` needs its argument `{}`", builtin.name, builtin.params[i].name),
                  "call.args");
    return {};
  }
  return is_sound ? builtin.run(*this, made) : Term{};
}

}  // namespace tarn
