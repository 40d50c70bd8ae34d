// scan t in T, carry h: f32[B, H] = 0 { .. next h = ..; yield h }: a loop over a dimension.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/evaluator.h"
#include "frontend/print_ast.h"

namespace tarn {

using ast::Expr;
using ast::ExprKind;
using ast::Stmt;

// The value: what is yielded, for all iterations; where nothing is, the last carries, which have their names from now
// on.
Term Evaluator::eval_scan(const Expr& expr, const FramePtr& frame) {
  if (!expr.body) return {};
  if (in_init()) {
    session.error(expr.span, "a first value is not made by a loop", "scan.place");
    return {};
  }
  for (const ast::Arg& carry : expr.args) frame->names[carry.name.text] = Term{};
  std::optional<Axis> time = scan_axis(expr, frame);
  if (!time) return {};
  std::optional<bool> is_reverse = expr.scan->is_reverse;
  if (expr.scan->reverse_if) is_reverse = eval_condition(*expr.scan->reverse_if, frame);
  std::optional<int64_t> unroll = scan_unroll(expr, *time, frame);
  std::vector<Term> initial;
  for (size_t i = 0; i < expr.args.size(); ++i) initial.push_back(initial_carry(expr, i, frame));
  bool is_sound = std::none_of(initial.begin(), initial.end(), [](const Term& term) { return term.is_error(); });
  if (!is_sound || !is_reverse || !unroll) return {};

  OpenScan scan;
  FramePtr inner = make_frame(frame->kind, frame->decl, frame);
  scan.frame = inner;
  inner->names[expr.text] = emit.open_loop(*time, *is_reverse, *unroll);
  for (size_t i = 0; i < initial.size(); ++i) {
    scan.names.push_back(expr.args[i].name.text);
    scan.carries.push_back(emit.loop_carry(scan.names[i], initial[i]));
    inner->names[scan.names[i]] = scan.carries[i];
  }
  scan.next.resize(initial.size());
  scan.given.resize(initial.size());
  scans_.push_back(&scan);
  is_sound = run_scan_body(expr, scan, inner);
  scans_.pop_back();
  if (!is_sound) {
    emit.abandon_loop();
    return {};
  }
  if (!is_short_enough(expr, *unroll)) {
    emit.abandon_loop();
    return {};
  }
  std::vector<Term> results = emit.close_loop(scan.next, scan.yields);
  for (size_t i = 0; i < initial.size(); ++i) frame->names[scan.names[i]] = results[i];
  if (!scan.yields.empty())
    results.erase(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(initial.size()));
  if (results.size() == 1) return results[0];
  Term tuple;
  tuple.kind = TermKind::Tuple;
  tuple.items = std::move(results);
  return tuple;
}

// The dimension that the index runs over.
std::optional<Axis> Evaluator::scan_axis(const Expr& expr, const FramePtr& frame) {
  const Expr& length = *expr.parts[0];
  Term size = eval_static(length, frame);
  std::optional<int64_t> number = size.is_error() ? std::nullopt : eval_size(length, frame);
  if (!number) return std::nullopt;
  if (size.from_batch) {
    session
        .error(length.span,
               fmt::format("`scan` runs over a dimension, but `{}` counts rows of the batch", print_expr(length)),
               "scan.length")
        .help({}, "all rows are computed side by side; the batch is summed by `sum`, `mean`, `@` and so on");
    return std::nullopt;
  }
  return emit.fresh_axis(*number, length.kind == ExprKind::Name ? length.text : "",
                         size.origin.is_known() ? size.origin : length.span);
}

std::optional<int64_t> Evaluator::scan_unroll(const Expr& expr, const Axis& time, const FramePtr& frame) {
  if (expr.scan->unrolls_all) return time.size;
  if (!expr.scan->unroll) return 1;
  std::optional<int64_t> copies = eval_size(*expr.scan->unroll, frame);
  if (!copies || time.size % *copies == 0) return copies;
  session.error(
      expr.scan->unroll->span,
      fmt::format("`unroll` is a divisor of the number of iterations, but {} / {} is no integer", time.size, *copies),
      "scan.length");
  return std::nullopt;
}

// Reports a body that unrolling makes too long to compile.
bool Evaluator::is_short_enough(const Expr& expr, int64_t copies) {
  constexpr size_t kMaxUnrolled = 20'000;
  size_t ops = emit.loop_ops();
  if (copies == 1 || ops <= kMaxUnrolled / static_cast<size_t>(copies)) return true;
  session.error(
      expr.scan->unroll ? expr.scan->unroll->span : expr.span,
      fmt::format("unrolled {} times, the {} operations of an iteration are more than {}; `unroll 4` puts four "
                  "iterations into one round of the loop",
                  copies, ops, kMaxUnrolled),
      "scan.length");
  return false;
}

// Carry i before the first iteration, with the dimensions and the type that it keeps.
Term Evaluator::initial_carry(const Expr& expr, size_t i, const FramePtr& frame) {
  const ast::Arg& carry = expr.args[i];
  const std::optional<ast::TypeExpr>& type = expr.scan->types[i];
  Term value = eval(*carry.value, frame);
  if (value.is_error()) return {};
  bool is_tensor = value.is_tensor() && !value.weak;
  if (!type) {
    if (is_tensor) return value;
    session
        .error(carry.value->span,
               fmt::format("carry `{}` begins as {}, which has no type", carry.name.text, describe(value)),
               "scan.carry")
        .help({}, fmt::format("say it, as in `carry {}: f32[B, H] = 0`", carry.name.text));
    return {};
  }
  std::optional<DType> dtype = dtype_from_name(type->element.text);
  if (type->element.text == "float") dtype = frame->root->float_type.value_or(DType::F32);
  if (!dtype || *dtype == DType::U8) {
    session.error(type->span, fmt::format("a carry has a type such as f32[B, H], but this is `{}`", print_type(*type)),
                  "scan.carry");
    return {};
  }
  size_t errors = session.error_count();
  std::vector<Axis> axes = eval_dims(type->dims, frame);
  if (session.error_count() != errors || axes.size() != type->dims.size()) return {};
  bool is_number = value.is_literal() || value.weak;
  bool is_fit = is_number || (is_tensor && value.dtype == *dtype && value.axes.size() <= axes.size() &&
                              match_axes(value.axes, axes));
  if (is_fit) return emit.tensor(emit.spread(value, *dtype, axes), axes);
  Diagnostic& made = session.error(
      carry.value->span,
      fmt::format("carry `{}` is `{}`, but begins as `{}`", carry.name.text, print_type(*type), describe(value)),
      "scan.carry");
  for (const Axis& axis : value.axes) {
    if (!made.rule.empty()) session.note_origin(made, axis);
  }
  return {};
}

// One iteration; reports what it leaves open.
bool Evaluator::run_scan_body(const Expr& expr, OpenScan& scan, const FramePtr& frame) {
  size_t errors = session.error_count();
  Flow flow = run_block(*expr.body, frame);
  if (flow.returned) {
    session.error(expr.body->statements.back().span, "`return` leaves a layer or function, not a loop", "scan.place")
        .help({}, "`yield` gives a value of each iteration; after the loop, carries have their last values");
  }
  for (size_t i = 0; i < scan.names.size(); ++i) {
    if (scan.given[i].is_known()) continue;
    session.error(expr.args[i].name.span, fmt::format("carry `{}` has no next value", scan.names[i]), "scan.next")
        .help({}, fmt::format("say in the loop what the next iteration finds: `next {} = ..`", scan.names[i]));
  }
  if (scan.names.empty() && !scan.yielded.is_known()) {
    session.error(expr.span, "the loop carries nothing and yields nothing", "scan.yield");
  }
  // A mistake that was met before is not reported again.
  auto is_tensor = [](const Term& term) { return term.is_tensor() && !term.weak; };
  return session.error_count() == errors && scan.yielded.is_known() == !scan.yields.empty() &&
         std::all_of(scan.next.begin(), scan.next.end(), is_tensor) &&
         std::all_of(scan.yields.begin(), scan.yields.end(), is_tensor);
}

// The loop that a `next` or `yield` belongs to.
Evaluator::OpenScan* Evaluator::scan_at(const Stmt& stmt, const FramePtr& frame) {
  const char* word = stmt.kind == ast::StmtKind::Next ? "next" : "yield";
  for (Frame* at = frame; at && !scans_.empty(); at = at->outer) {
    if (at == scans_.back()->frame) return scans_.back();
  }
  session.error(stmt.span, fmt::format("`{}` stands in the block of a `scan`", word), "scan.place");
  return nullptr;
}

void Evaluator::run_next(const Stmt& stmt, const FramePtr& frame) {
  OpenScan* scan = scan_at(stmt, frame);
  if (!scan) return;
  const ast::Name& name = stmt.names[0];
  auto found = std::find(scan->names.begin(), scan->names.end(), name.text);
  if (found == scan->names.end()) {
    std::string nearest = nearest_name(name.text, scan->names);
    std::string hint = nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest);
    session.error(name.span, fmt::format("`{}` is no carry of this loop{}", name.text, hint), "scan.next");
    return;
  }
  auto i = static_cast<size_t>(found - scan->names.begin());
  if (scan->given[i].is_known()) {
    session.error(stmt.span, fmt::format("carry `{}` gets a second next value", name.text), "scan.next")
        .note(scan->given[i], "the first is here");
    return;
  }
  scan->given[i] = stmt.span;
  Term value = eval(*stmt.value, frame);
  const Term& old = scan->carries[i];
  if (value.is_error()) return;
  bool is_number = value.is_number() || value.weak ||
                   (value.is_tensor() && value.dtype == old.dtype && value.classes == old.classes);
  bool is_scalar = value.is_literal() || value.axes.empty();
  bool is_fit = is_number && (is_scalar || value.axes.size() == old.axes.size()) && match_axes(value.axes, old.axes);
  if (!is_fit) {
    Diagnostic& made = session.error(
        stmt.value->span,
        fmt::format("carry `{}` is `{}`, but its next value is `{}`", name.text, describe(old), describe(value)),
        "scan.next");
    if (made.rule.empty()) return;
    for (const Axis& axis : value.axes) session.note_origin(made, axis);
    return;
  }
  Term next = old;
  next.value = emit.spread(value, old.dtype, old.axes);
  name_value(next, join_path(frame->root->path, name.text));
  scan->next[i] = next;
  scan->frame->names[name.text] = next;
}

void Evaluator::run_yield(const Stmt& stmt, const FramePtr& frame) {
  OpenScan* scan = scan_at(stmt, frame);
  if (!scan) return;
  if (scan->yielded.is_known()) {
    session.error(stmt.span, "the loop yields a second time", "scan.yield")
        .note(scan->yielded, "the first is here")
        .help({}, "`yield (a, b)` gives several values");
    return;
  }
  scan->yielded = stmt.span;
  Term value = eval(*stmt.value, frame);
  if (value.is_error()) return;
  scan->yields = value.kind == TermKind::Tuple ? value.items : std::vector<Term>{value};
  for (const Term& item : scan->yields) {
    if (item.is_tensor() && !item.weak) continue;
    session.error(stmt.value->span, fmt::format("a loop yields tensors, but this is {}", describe(item)), "scan.yield");
  }
}

// The index of a loop, where the expression is its name.
std::optional<Term> Evaluator::loop_index(const Expr& expr, const FramePtr& frame) {
  if (expr.kind != ExprKind::Name) return std::nullopt;
  std::optional<Term> local = find_local(expr.text, frame);
  return local && emit.is_loop_index(*local) ? local : std::nullopt;
}

// x[t]: a slice along the dimension that t runs over.
Term Evaluator::eval_slice_by_name(const Term& x, const Term& index, const Expr& expr) {
  const Axis& time = emit.loop_axis(index);
  std::vector<size_t> places;
  for (size_t i = 0; i < x.axes.size() && !time.name.empty(); ++i) {
    if (x.axes[i].name == time.name || x.axes[i].label == time.name) places.push_back(i);
  }
  if (places.empty() && x.axes.size() == 1) places.push_back(0);
  if (places.size() == 1) return eval_slice_at(x, places[0], index, expr.span);
  std::string names;
  for (const Axis& axis : x.axes) names += (names.empty() ? "" : ", ") + (axis.name.empty() ? "_" : axis.name);
  std::string what = time.name.empty() ? fmt::format("a loop over {} names no dimension", time.size)
                                       : fmt::format("the loop runs over {}, {}", time.name,
                                                     places.empty() ? "which it has not" : "which it has twice");
  session
      .error(expr.span,
             fmt::format("`{}` takes `{}` apart, but {}; its dimensions are [{}]", print_expr(expr), describe(x), what,
                         names),
             "scan.index")
      .help({}, fmt::format("say the place, as in x[.., {}] for the last dimension", expr.args[0].value->text));
  return {};
}

Term Evaluator::eval_slice_at(const Term& x, size_t axis, const Term& index, Span span) {
  const Axis& time = emit.loop_axis(index);
  if (x.axes[axis].size == time.size && !x.axes[axis].is_batch()) return emit.loop_slice(x, axis, index, span);
  Diagnostic& made = session.error(
      span,
      fmt::format("the loop has {} iterations, but dimension {} of `{}` has {}", time.size, axis, describe(x),
                  x.axes[axis].is_batch() ? "the rows of the batch" : fmt::format("{} entries", x.axes[axis].size)),
      "scan.index");
  if (!made.rule.empty()) session.note_origin(made, x.axes[axis]);
  return {};
}

}  // namespace tarn
