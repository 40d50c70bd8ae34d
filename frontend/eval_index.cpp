// f[..]: static arguments and indices; and lists of dimensions such as `over = [H, W]`.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/evaluator.h"

namespace tarn {

using ast::Expr;
using ast::ExprKind;

// f[..]: static arguments of what can be called, columns of a table, or an index into a tensor.
Term Evaluator::eval_bracket(const Expr& expr, const FramePtr& frame, Mode mode) {
  const Expr& base_expr = *expr.parts[0];
  if (std::optional<Term> initialiser = find_initialiser(base_expr, frame)) {
    return apply_init({*initialiser, std::nullopt, &expr.args, frame, {}, expr.span});
  }
  Term base = eval(base_expr, frame, mode);
  if (base.is_error()) return {};
  if (base.kind == TermKind::Columns) return data_columns(expr, frame);
  if (base.is_tensor()) return eval_index(base, expr, frame);
  if (base.kind == TermKind::List || base.kind == TermKind::Tuple) return eval_item(base, expr, frame);
  bool takes_statics = base.kind == TermKind::Callable && !base.frame && base.instance.empty() &&
                       (base.decl || base.builtin->has_statics);
  if (!takes_statics) {
    session.error(expr.span, fmt::format("{} takes no arguments in `[..]`", describe(base)), "call.kind");
    return {};
  }
  if (base.builtin) {
    base.expr = &expr;
    base.frame = frame;
    return base;
  }
  auto holder = make_frame(FrameKind::Function, base.decl);
  if (!bind_static_args(*base.decl, expr.args, frame, holder->names, expr.span)) return {};
  base.frame = holder;
  return base;
}

// One of a list or tuple, counted from 0.
Term Evaluator::eval_item(const Term& list, const Expr& expr, const FramePtr& frame) {
  Term place = expr.args.size() == 1 ? eval_static(*expr.args[0].value, frame) : Term{};
  if (place.is_error() && expr.args.size() == 1) return {};
  auto count = static_cast<int64_t>(list.items.size());
  if (place.kind == TermKind::Integer && place.integer >= 0 && place.integer < count) {
    return list.items[static_cast<size_t>(place.integer)];
  }
  session.error(expr.span,
                fmt::format("the items of this {} are numbered from 0 to {}, one at a time",
                            list.kind == TermKind::List ? "list" : "tuple", count - 1),
                "index.range");
  return {};
}

// A negative place counts from the end.
static int64_t from_start(int64_t place, int64_t size) {
  return place < 0 ? place + size : place;
}

Term Evaluator::eval_index(const Term& base, const Expr& expr, const FramePtr& frame) {
  size_t axis = 0, dropped = 0;
  Term result = base;
  size_t explicit_args = 0, dots = 0;
  for (const ast::Arg& arg : expr.args) ++(arg.value->kind == ExprKind::Ellipsis ? dots : explicit_args);
  if (dots > 1) explicit_args += dots - 1;
  bool is_first_dots = true;
  if (explicit_args > base.axes.size() || base.weak) {
    session.error(
        expr.span,
        fmt::format("`{}` has {} dimensions, but {} are indexed", describe(base), base.axes.size(), explicit_args),
        "index.rank");
    return {};
  }
  for (const ast::Arg& arg : expr.args) {
    if (result.is_error()) return {};
    const Expr& index = *arg.value;
    if (std::optional<Term> time = loop_index(index, frame)) {
      if (expr.args.size() == 1) return eval_slice_by_name(base, *time, expr);
      result = eval_slice_at(result, axis - dropped, *time, index.span);
      ++dropped;
      ++axis;
    } else if (index.kind == ExprKind::Ellipsis) {
      axis += is_first_dots ? base.axes.size() - explicit_args : 1;
      is_first_dots = false;
    } else if (index.kind == ExprKind::Range) {
      Term begin = eval_static(*index.parts[0], frame), end = eval_static(*index.parts[1], frame);
      if (begin.is_error() || end.is_error()) return {};
      int64_t size = base.axes[axis].size;
      result = emit.slice(result, axis - dropped, from_start(begin.integer, size), from_start(end.integer, size),
                          index.span);
      ++axis;
    } else {
      Term place = eval_static(index, frame);
      if (place.is_error()) return {};
      if (place.kind != TermKind::Integer) {
        session.error(index.span, fmt::format("an index is an integer, but this is {}", describe(place)),
                      "index.range");
        return {};
      }
      int64_t at = from_start(place.integer, base.axes[axis].size);
      if (at < 0) at = place.integer;  // the message says what was written
      result = emit.slice(result, axis - dropped, at, at + 1, index.span);
      if (!result.is_error()) result = emit.drop_axis(result, axis - dropped, index.span);
      ++dropped;
      ++axis;
    }
  }
  return result;
}

Term Evaluator::eval_axes(const Expr& expr, const FramePtr& frame) {
  auto one = [&](const Expr& item) -> Term {
    if (item.kind == ExprKind::Ellipsis) {
      std::optional<std::vector<Axis>> dotted = dotted_axes(frame, item.span);
      if (!dotted) return {};
      Term dimensions = text_term("..");
      dimensions.axes = *dotted;
      return dimensions;
    }
    if (item.kind != ExprKind::Name) return eval_static(item, frame);
    std::optional<Term> local = find_local(item.text, frame);
    if (local && !local->is_dimension) return *local;
    return text_term(item.text);
  };
  if (expr.kind != ExprKind::List) return one(expr);
  Term list;
  list.kind = TermKind::List;
  for (const ast::ExprPtr& part : expr.parts) {
    list.items.push_back(one(*part));
    if (list.items.back().is_error()) return {};
  }
  return list;
}

std::optional<std::vector<Axis>> Evaluator::dotted_axes(const FramePtr& frame, Span span) {
  if (frame->root->dotted) return frame->root->dotted;
  session.error(span, "`..` stands for the dimensions that the signature leaves open by `..`, but this one has none",
                "type.dots");
  return std::nullopt;
}

// The dimensions of x that are those of `wanted`.
static void add_dimensions(const Term& x, const std::vector<Axis>& wanted, std::vector<size_t>& places) {
  for (size_t i = 0; i < x.axes.size(); ++i) {
    for (const Axis& axis : wanted) {
      if (axis.identity != 0 && axis.identity == x.axes[i].identity) places.push_back(i);
    }
  }
}

std::optional<std::vector<size_t>> Evaluator::find_axes(const Term& x, const Term& axes, Span span) {
  std::vector<size_t> places;
  if (axes.is_error() || x.is_error()) return std::nullopt;
  if (axes.kind == TermKind::Text && axes.text == "all") {
    for (size_t i = 0; i < x.axes.size(); ++i) places.push_back(i);
    return places;
  }
  for (const Term& item : axes.kind == TermKind::List ? axes.items : std::vector<Term>{axes}) {
    if (item.kind == TermKind::Text && item.text == "..") {
      add_dimensions(x, item.axes, places);
      continue;
    }
    int64_t rank = static_cast<int64_t>(x.axes.size()), place = -1;
    if (item.kind == TermKind::Integer && item.integer < rank)
      place = item.integer < 0 ? item.integer + rank : item.integer;
    for (int64_t i = rank - 1; i >= 0 && item.kind == TermKind::Text; --i) {
      const Axis& axis = x.axes[static_cast<size_t>(i)];
      if (axis.name == item.text || axis.label == item.text) place = i;
    }
    if (place < 0 || std::find(places.begin(), places.end(), static_cast<size_t>(place)) != places.end()) {
      std::string names;
      for (const Axis& axis : x.axes)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", axis.name.empty() ? "_" : axis.name);
      session.error(
          span,
          fmt::format("`{}` has no {}dimension {}; its dimensions are [{}]", describe(x), place < 0 ? "" : "second ",
                      item.kind == TermKind::Text ? item.text : describe(item), names),
          "reduce.axis");
      return std::nullopt;
    }
    places.push_back(static_cast<size_t>(place));
  }
  std::sort(places.begin(), places.end());
  return places;
}

std::optional<std::vector<size_t>> Evaluator::call_axes(const BuiltinCall& call, size_t place, const Term& x,
                                                        Term fallback) {
  if (!x.is_tensor() || x.weak) {
    session.error(call.span, fmt::format("`{}` takes a tensor, but this is {}", call.builtin->name, describe(x)),
                  "type.mismatch");
    return std::nullopt;
  }
  return find_axes(x, call.args[place].value_or(std::move(fallback)), call.span);
}

}  // namespace tarn
