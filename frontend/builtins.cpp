// The table of builtin functions.
#include "frontend/builtins.h"

#include <fmt/format.h>

#include "frontend/evaluator.h"
#include "frontend/optimizer.h"
#include "frontend/print_ast.h"
#include "frontend/reach.h"

namespace tarn {

// Greedy with one way back, to the last `*`: linear in practice, quadratic at worst.
bool matches_glob(std::string_view path, std::string_view glob) {
  size_t at = 0, want = 0, star = std::string_view::npos, resume = 0;
  while (at < path.size()) {
    if (want < glob.size() && glob[want] == '*') {
      star = want++;
      resume = at;
    } else if (want < glob.size() && (glob[want] == '?' || glob[want] == path[at])) {
      ++at;
      ++want;
    } else if (star != std::string_view::npos) {
      want = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (want < glob.size() && glob[want] == '*') ++want;
  return want == glob.size();
}

static bool flag_of(const BuiltinCall& call, size_t place) {
  return call.args[place] && call.args[place]->is_literal() && call.args[place]->number() != 0;
}

static Term run_unary(Evaluator& e, BuiltinCall& call) {
  return e.emit.unary(call.builtin->name, *call.args[0], call.span);
}

template <ReduceOp kOp>
static Term run_reduce(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  auto axes = e.call_axes(call, 1, x, text_term("all"));
  return axes ? e.emit.reduce(kOp, x, *axes, flag_of(call, 2), call.span) : Term{};
}

// max(x, y) is elementwise; max(x, over = H) reduces.
template <ReduceOp kOp>
static Term run_extreme(Evaluator& e, BuiltinCall& call) {
  if (call.args[1]) {
    return e.emit.arithmetic(kOp == ReduceOp::Max ? "max" : "min", call.builtin->name, *call.args[0], *call.args[1],
                             call.span);
  }
  const Term& x = *call.args[0];
  auto axes = e.call_axes(call, 2, x, text_term("all"));
  if (!axes) return {};
  bool has_ties = call.args.size() > 4 && call.args[4];
  std::string ties = has_ties && call.args[4]->kind == TermKind::Text ? call.args[4]->text : "";
  if (has_ties && ties != "share" && ties != "first") {
    e.session.error(call.span,
                    fmt::format("`ties` of `max` is \"share\" or \"first\", but this is {}", describe(*call.args[4])),
                    "max.C1");
    return {};
  }
  return e.emit.reduce(ties == "first" ? ReduceOp::FirstMax : kOp, x, *axes, flag_of(call, 3), call.span);
}

static Term run_argmax(Evaluator& e, BuiltinCall& call) {
  auto axes = e.call_axes(call, 1, *call.args[0], integer_term(-1));
  if (!axes) return {};
  if (axes->size() == 1) return e.emit.reduce(ReduceOp::ArgMax, *call.args[0], *axes, false, call.span);
  e.session.error(call.span, "`argmax` goes over one dimension", "reduce.axis");
  return {};
}

static Term run_pow(Evaluator& e, BuiltinCall& call) {
  return e.emit.power(*call.args[0], *call.args[1], call.span);
}

static Term run_select(Evaluator& e, BuiltinCall& call) {
  return e.emit.select(*call.args[0], *call.args[1], *call.args[2], call.span);
}

// f32(x), f16(x), i32(x), bool(x), ...
static Term run_cast(Evaluator& e, BuiltinCall& call) {
  return e.emit.cast(*call.args[0], *dtype_from_name(call.builtin->name), call.span);
}

// The float type of the declaration around it.
static Term run_float(Evaluator& e, BuiltinCall& call) {
  return e.emit.to_float(*call.args[0], call.span, call.frame->root->float_type.value_or(DType::F32));
}

static Term run_floor_div(Evaluator& e, BuiltinCall& call) {
  return e.emit.floor_div(*call.args[0], *call.args[1], call.span);
}
static Term run_one_hot(Evaluator& e, BuiltinCall& call) {
  return e.emit.one_hot(*call.args[0], call.span);
}
static Term run_flatten(Evaluator& e, BuiltinCall& call) {
  return e.emit.flatten(*call.args[0], call.span);
}

static Term run_reshape(Evaluator& e, BuiltinCall& call) {
  std::vector<Axis> wanted;
  for (const ast::Arg& arg : call.statics->args) {
    if (arg.value->kind == ast::ExprKind::Ellipsis) {
      std::optional<std::vector<Axis>> dotted = e.dotted_axes(call.statics_frame, arg.value->span);
      if (!dotted) return {};
      wanted.insert(wanted.end(), dotted->begin(), dotted->end());
      continue;
    }
    Term written = e.eval_static(*arg.value, call.statics_frame);
    if (written.kind == TermKind::Integer && written.integer == -1) {
      e.session
          .error(arg.value->span,
                 fmt::format("`reshape` wants every size written out; it reshapes `{}`", describe(*call.args[0])),
                 "shape.size")
          .help({}, "flatten(x) merges all dimensions but the first");
      return {};
    }
    std::optional<int64_t> size = written.is_error() ? std::nullopt : e.eval_size(*arg.value, call.statics_frame);
    if (!size) return {};
    std::string name = arg.value->kind == ast::ExprKind::Name ? arg.value->text : "";
    wanted.push_back(e.emit.fresh_axis(*size, name, arg.value->span));
  }
  return e.emit.reshape(*call.args[0], std::move(wanted), call.span);
}

// transpose(x) swaps the last two dimensions; transpose(x, order = [1, 0, 2]) permutes.
static Term run_transpose(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  int64_t rank = static_cast<int64_t>(x.axes.size());
  std::vector<int64_t> order;
  for (int64_t i = 0; i < rank; ++i) order.push_back(i);
  bool is_sound = x.is_tensor() && rank >= 2;
  if (is_sound && call.args[1]) {
    std::vector<bool> used(static_cast<size_t>(rank), false);
    order.clear();
    for (const Term& item : call.args[1]->items) {
      bool is_axis = item.kind == TermKind::Integer && item.integer >= 0 && item.integer < rank;
      is_sound = is_sound && is_axis && !used[static_cast<size_t>(item.integer)];
      if (!is_sound) break;
      used[static_cast<size_t>(item.integer)] = true;
      order.push_back(item.integer);
    }
    is_sound = is_sound && static_cast<int64_t>(order.size()) == rank;
  } else if (is_sound) {
    std::swap(order[order.size() - 1], order[order.size() - 2]);
  }
  if (is_sound) return e.emit.transpose(x, order);
  e.session.error(
      call.span,
      fmt::format("`transpose` needs a tensor of two or more dimensions and an order of them all, but x is {}",
                  describe(x)),
      "transpose.C1");
  return {};
}

static Term run_einsum(Evaluator& e, BuiltinCall& call) {
  std::vector<Term> operands = {*call.args[1]};
  operands.insert(operands.end(), call.rest.begin(), call.rest.end());
  for (const Term& operand : operands) {
    if (operand.is_tensor() && !operand.weak) continue;
    e.session.error(call.span, fmt::format("`einsum` multiplies tensors, but one of them is {}", describe(operand)),
                    "type.mismatch");
    return {};
  }
  if (call.args[0]->kind == TermKind::Text) return e.emit.einsum(call.args[0]->text, operands, call.span);
  e.session.error(call.span, "the first argument of `einsum` is a text such as \"bk,kn->bn\"", "einsum.C1");
  return {};
}

// Sums w^2 or |w| over all entries of the parameters whose paths fit the glob.
template <bool kIsSquare>
static Term run_penalty(Evaluator& e, BuiltinCall& call) {
  if (e.discovering) return integer_term(0);
  std::string glob = call.args[1] ? call.args[1]->text : "*";
  Term total = integer_term(0);
  bool is_found = false;
  std::vector<std::string> paths;
  for (const std::string& path : e.session.param_order) {
    const ParamSpec& spec = e.session.params.at(path);
    if (spec.role != Role::Param) continue;
    paths.push_back(path);
    if (!matches_glob(path, glob)) continue;
    is_found = true;
    Term w = e.emit.computed(e.param_value(spec), call.span);
    Term size = kIsSquare ? e.emit.power(w, integer_term(2), call.span) : e.emit.unary("abs", w, call.span);
    std::vector<size_t> axes;
    for (size_t i = 0; i < w.axes.size(); ++i) axes.push_back(i);
    total = e.emit.add_widened(total, e.emit.reduce(ReduceOp::Sum, size, axes, false, call.span), call.span);
  }
  if (is_found) return e.emit.arithmetic("mul", "*", *call.args[0], total, call.span);
  report_empty_glob(e.session, glob, paths, call.span);
  return {};
}

static Term run_unsupported(Evaluator& e, BuiltinCall& call) {
  e.session.error(call.span, fmt::format("`{}` is not supported yet", call.builtin->name), "unsupported");
  return {};
}

bool is_unsupported(const Builtin& builtin) {
  return builtin.run == run_unsupported;
}

static std::vector<Builtin> make_builtins() {
  const BuiltinParam x{"x"}, over{"over", ArgKind::Axes, true}, keep{"keep", ArgKind::Static, true};
  std::vector<Builtin> table;
  for (auto [name, summary] : {std::pair{"abs", "absolute value"},
                               {"exp", "e^x"},
                               {"log", "natural logarithm"},
                               {"log1p", "log(1 + x)"},
                               {"tanh", "hyperbolic tangent"},
                               {"sigmoid", "1 / (1 + exp(-x))"},
                               {"sqrt", "square root"},
                               {"rsqrt", "1 / sqrt(x)"},
                               {"sin", "sine"},
                               {"cos", "cosine"},
                               {"atan", "arc tangent"},
                               {"expm1", "e^x - 1, exact near 0"},
                               {"erf", "error function"},
                               {"floor", "rounding down"},
                               {"round", "nearest integer, ties to even"},
                               {"sign", "-1, 0 or 1"},
                               {"relu", "max(x, 0), gradient 0 at 0"},
                               {"stop_gradient", "x, as a constant of the gradient"}}) {
    table.push_back({name, {x}, run_unary, summary});
  }
  add_numeric_builtins(table);
  table.push_back({"sum", {x, over, keep}, run_reduce<ReduceOp::Sum>, "sum over dimensions"});
  table.push_back({"mean", {x, over, keep}, run_reduce<ReduceOp::Mean>, "mean over dimensions"});
  table.push_back({"prod", {x, over, keep}, run_reduce<ReduceOp::Prod>, "product over dimensions"});
  table.push_back({"max",
                   {x, {"y", ArgKind::Value, true}, over, keep, {"ties", ArgKind::Static, true}},
                   run_extreme<ReduceOp::Max>,
                   "greater of two, or greatest over dimensions"});
  table.push_back({"min",
                   {x, {"y", ArgKind::Value, true}, over, keep},
                   run_extreme<ReduceOp::Min>,
                   "lesser of two, or least over dimensions"});
  table.push_back({"argmax", {x, over}, run_argmax, "index of the greatest, as a class label"});
  table.push_back({"pow", {x, {"y"}}, run_pow, "x^y"});
  table.push_back({"select", {{"condition"}, x, {"y"}}, run_select, "x where the condition holds, else y"});
  table.push_back({"float", {x}, run_float, "labels, truth values and integers as floats"});
  for (const char* name : {"f32", "f64", "f16", "bf16", "i32", "i64", "bool"}) {
    table.push_back({name, {x}, run_cast, "x converted to this element type"});
  }
  table.push_back({"floor_div", {x, {"y"}}, run_floor_div, "x / y, rounded down"});
  table.push_back({"one_hot", {x}, run_one_hot, "labels [..] -> bool [.., classes]"});
  table.push_back({"flatten", {x}, run_flatten, "[A, ..] -> [A, product of the others]"});
  table.push_back({"reshape", {x}, run_reshape, "the same elements in other sizes", false, true});
  table.push_back({"transpose", {x, {"order", ArgKind::Static, true}}, run_transpose, "dimensions in another order"});
  table.push_back(
      {"einsum", {{"spec", ArgKind::Static}, {"a"}}, run_einsum, "sum of products of tensors by labels", true});
  add_gradient_builtins(table);
  add_random_builtins(table);
  table.push_back(
      {"l1", {{"scale"}, {"paths", ArgKind::Static, true}}, run_penalty<false>, "scale * sum of |w| over parameters"});
  table.push_back(
      {"l2", {{"scale"}, {"paths", ArgKind::Static, true}}, run_penalty<true>, "scale * sum of w^2 over parameters"});
  add_index_builtins(table);
  add_join_builtins(table);
  add_window_builtins(table);
  add_fill_builtins(table);
  // Of the design, to come: known so that the message says so.
  table.push_back({"load", {{"x", ArgKind::Value, true}}, run_unsupported, "", true, true});
  return table;
}

const std::vector<Builtin>& all_builtins() {
  static const std::vector<Builtin> table = make_builtins();
  return table;
}

const Builtin* find_builtin(std::string_view name) {
  for (const Builtin& builtin : all_builtins()) {
    if (builtin.name == name) return &builtin;
  }
  return nullptr;
}

}  // namespace tarn
