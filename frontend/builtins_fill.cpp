// broadcast[B, 16, D](x): a number or a smaller tensor repeated to the sizes that are asked for.
#include <fmt/format.h>

#include "frontend/builtins.h"
#include "frontend/evaluator.h"

namespace tarn {

std::optional<std::vector<Axis>> axes_in_brackets(Evaluator& e, const BuiltinCall& call) {
  std::vector<Axis> axes;
  for (const ast::Arg& arg : call.statics->args) {
    Term size = e.eval_static(*arg.value, call.statics_frame);
    std::optional<int64_t> number = size.is_error() ? std::nullopt : e.eval_size(*arg.value, call.statics_frame);
    if (!number) return std::nullopt;
    std::string name = arg.value->kind == ast::ExprKind::Name ? arg.value->text : "";
    axes.push_back(e.emit.fresh_axis(*number, name, arg.value->span));
    if (size.from_batch && *number % e.emit.batch == 0) axes.back().inner = *number / e.emit.batch;
  }
  return axes;
}

static Term run_broadcast(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  std::optional<std::vector<Axis>> axes = axes_in_brackets(e, call);
  if (!axes || x.is_error()) return {};
  bool is_number = x.is_literal() || x.weak;
  if (!is_number && !x.is_tensor()) {
    e.session.error(call.span, fmt::format("`broadcast` repeats a number or a tensor, but this is {}", describe(x)),
                    "type.mismatch");
    return {};
  }
  Term shown = x;
  shown.axes = *axes;
  if (!is_number && e.emit.is_ambiguous(x, shown, call.span)) return {};
  if (!is_number && !match_axes(x.axes, *axes)) {
    e.session
        .error(call.span, fmt::format("`{}` does not fit into `{}`", describe(x), describe(shown)), "shape.broadcast")
        .help({}, "its dimensions fit by their names, or at the end");
    return {};
  }
  DType dtype = is_number ? DType::F32 : x.dtype;
  return e.emit.tensor(e.emit.spread(x, dtype, *axes), *axes, x.classes);
}

void add_fill_builtins(std::vector<Builtin>& table) {
  table.push_back({"broadcast", {{"x"}}, run_broadcast, "a number or tensor repeated to these sizes", false, true});
}

}  // namespace tarn
