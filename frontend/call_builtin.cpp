// Calls of builtin functions: arguments are matched to parameters, then the function's own code runs.
#include <fmt/format.h>

#include "frontend/call.h"

namespace tarn {

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
    size_t place = builtin.params.size();
    for (size_t i = 0; i < builtin.params.size() && !arg.name.text.empty(); ++i) {
      if (builtin.params[i].name == arg.name.text) place = i;
    }
    // Options such as `over` and `axis` of variadic functions are given by name only.
    if (arg.name.text.empty() && position < builtin.params.size()) {
      bool is_option = builtin.is_variadic && builtin.params[position].is_optional;
      if (!is_option) place = position++;
    }
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
      std::vector<std::string> names;
      for (const BuiltinParam& param : builtin.params) names.push_back(param.name);
      std::string nearest = arg.name.text.empty() ? "" : nearest_name(arg.name.text, names);
      session.error(arg.name.text.empty() ? arg.value->span : arg.name.span,
                    arg.name.text.empty()
                        ? fmt::format("`{}` takes at most {} argument{}", builtin.name, names.size(),
                                      names.size() == 1 ? "" : "s")
                        : fmt::format("`{}` has no argument `{}`{}", builtin.name, arg.name.text,
                                      nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                    "call.args");
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
