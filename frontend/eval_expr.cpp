// Expressions: operators, lists, conditions; names, indices and calls have files of their own.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/evaluator.h"
#include "frontend/print_ast.h"

namespace tarn {

using ast::Expr;
using ast::ExprKind;

FramePtr Evaluator::make_frame(FrameKind kind, const ast::Decl* decl, FramePtr outer) {
  session.frames.push_back(std::make_shared<Frame>());
  Frame* frame = session.frames.back().get();
  frame->kind = outer ? outer->kind : kind;
  frame->decl = decl;
  frame->root = outer ? outer->root : frame;
  if (outer) {
    frame->loop_suffix = outer->loop_suffix;
    frame->branch = outer->branch;
  }
  frame->outer = outer;
  return frame;
}

Term Evaluator::eval(const Expr& expr, const FramePtr& frame, Mode mode) {
  // One level of the tree costs a few kilobytes of stack; layers in layers add up.
  constexpr int kMaxLevels = 600;
  if (levels_ >= kMaxLevels) {
    session.error(expr.span, fmt::format("expressions and layers nest deeper than {} levels", kMaxLevels),
                  "call.depth");
    return {};
  }
  Span before = session.user_span;
  if (!session.is_library(expr.span)) session.user_span = expr.span;
  ++levels_;
  Term term = eval_node(expr, frame, mode);
  --levels_;
  session.user_span = before;
  return term;
}

Term Evaluator::eval_static(const Expr& expr, const FramePtr& frame) {
  Term term = eval(expr, frame, Mode::Static);
  if (!term.is_tensor()) return term;
  session.error(expr.span,
                fmt::format("`{}` is known at run time only, but a constant is needed here", print_expr(expr)),
                "static.needed");
  return {};
}

std::optional<int64_t> Evaluator::eval_size(const Expr& expr, const FramePtr& frame) {
  Term term = eval_static(expr, frame);
  if (term.is_error()) return std::nullopt;
  constexpr int64_t kMaxSize = int64_t{1} << 31;
  if (term.kind == TermKind::Integer && term.integer >= 1 && term.integer <= kMaxSize) return term.integer;
  session.error(expr.span, fmt::format("a size is an integer from 1 to 2^31, but this is {}", describe(term)),
                "shape.size");
  return std::nullopt;
}

Term Evaluator::eval_node(const Expr& expr, const FramePtr& frame, Mode mode) {
  switch (expr.kind) {
    case ExprKind::Error:
      return {};
    case ExprKind::Number:
      return expr.is_integer ? integer_term(expr.integer, expr.span) : real_term(expr.real);
    case ExprKind::Bool:
      return bool_term(expr.integer != 0);
    case ExprKind::String:
      if (frame->kind == FrameKind::Data) return source_tensor(frame, expr.text, {{"source", expr.text}}, 0, expr.span);
      return text_term(expr.text);
    case ExprKind::Name:
      return eval_name(expr, frame, mode);
    case ExprKind::List:
    case ExprKind::Tuple:
      return eval_list(expr, frame, mode);
    case ExprKind::Range:
      return eval_range(expr, frame);
    case ExprKind::Unary:
      return eval_unary(expr, frame, mode);
    case ExprKind::Binary:
      return eval_binary(expr, frame, mode);
    case ExprKind::Call: {
      if (frame->kind == FrameKind::Data && expr.parts[0]->text == "file") return data_file(expr, frame);
      if (std::optional<Term> initialiser = find_initialiser(*expr.parts[0], frame)) {
        return apply_init({*initialiser, std::nullopt, &expr.args, frame, {}, expr.span});
      }
      Call call{eval_callee(*expr.parts[0], frame, mode), std::nullopt, &expr.args, frame, expr.instance, expr.span};
      return apply(call);
    }
    case ExprKind::Bracket:
      return eval_bracket(expr, frame, mode);
    case ExprKind::If:
      return eval_if(expr, frame);
    case ExprKind::Pipe:
      return eval_pipe(expr, frame);
    case ExprKind::Then:
      if (schedule_) return eval_then(expr, 0, frame, schedule_->step, schedule_->total);
      session.error(expr.span, "`then` joins schedules, which only an optimizer's arguments follow", "schedule.place");
      return {};
    case ExprKind::Scan:
      return eval_scan(expr, frame);
    case ExprKind::Arrow:
    case ExprKind::Ellipsis:
    case ExprKind::For:
      break;
  }
  session.error(expr.span, fmt::format("`{}` has no value here", print_expr(expr)), "syntax.place");
  return {};
}

Term Evaluator::eval_unary(const Expr& expr, const FramePtr& frame, Mode mode) {
  Term x = eval(*expr.parts[0], frame, mode);
  if (x.is_error()) return {};
  if (expr.text == "-") return emit.unary("neg", x, expr.span);
  if (x.kind == TermKind::Bool) return bool_term(!x.integer);
  if (x.is_tensor() && x.dtype == DType::Bool) {
    Term result = x;
    result.value = emit.at().unary("not", x.value);
    return result;
  }
  session.error(expr.span, fmt::format("`not` takes a truth value, but this is {}", describe(x)), "type.mismatch");
  return {};
}

static std::string_view op_of_symbol(std::string_view symbol) {
  static constexpr std::pair<std::string_view, std::string_view> kOps[] = {
      {"+", "add"}, {"-", "sub"}, {"*", "mul"}, {"/", "div"}, {"==", "eq"},   {"!=", "ne"},
      {"<", "lt"},  {"<=", "le"}, {">", "gt"},  {">=", "ge"}, {"and", "and"}, {"or", "or"},
  };
  for (auto [text, op] : kOps) {
    if (text == symbol) return op;
  }
  return "";
}

Term Evaluator::eval_binary(const Expr& expr, const FramePtr& frame, Mode mode) {
  Term a = eval(*expr.parts[0], frame, mode), b = eval(*expr.parts[1], frame, mode);
  if (a.is_error() || b.is_error()) return {};
  const std::string& symbol = expr.text;
  if (symbol == "@") return emit.matmul(a, b, expr.span);
  if (symbol == "^") return emit.power(a, b, expr.span);
  std::string_view op = op_of_symbol(symbol);
  if (op == "and" || op == "or") return emit.logic(op, a, b, expr.span);
  bool is_comparison = op == "eq" || op == "ne" || op == "lt" || op == "le" || op == "gt" || op == "ge";
  if (is_comparison) return emit.compare(op, symbol, a, b, expr.span);
  bool is_exact = mode == Mode::Static && a.kind == TermKind::Integer && b.kind == TermKind::Integer && op == "div";
  if (!is_exact) return emit.arithmetic(op, symbol, a, b, expr.span);
  if (b.integer == 0 || a.integer % b.integer != 0) {
    session.error(expr.span, fmt::format("{} / {} is no integer", a.integer, b.integer), "shape.divide")
        .help({}, fmt::format("sizes divide exactly; for a real number write {}.0 / {}", a.integer, b.integer));
    return {};
  }
  Term quotient = integer_term(a.integer / b.integer, a.origin);
  quotient.from_batch = a.from_batch || b.from_batch;
  return quotient;
}

Term Evaluator::eval_list(const Expr& expr, const FramePtr& frame, Mode mode) {
  Term list;
  list.kind = expr.kind == ExprKind::List ? TermKind::List : TermKind::Tuple;
  for (const ast::ExprPtr& part : expr.parts) {
    Term item = eval(*part, frame, mode);
    if (item.is_error()) return {};
    bool is_range = part->kind == ExprKind::Range && item.kind == TermKind::List;
    if (is_range)
      list.items.insert(list.items.end(), item.items.begin(), item.items.end());
    else
      list.items.push_back(std::move(item));
  }
  return list;
}

Term Evaluator::eval_range(const Expr& expr, const FramePtr& frame) {
  Term first = eval_static(*expr.parts[0], frame), last = eval_static(*expr.parts[1], frame);
  if (first.is_error() || last.is_error()) return {};
  constexpr int64_t kMaxItems = 10000;  // far beyond any list of layers
  if (first.kind != TermKind::Integer || last.kind != TermKind::Integer || first.integer > last.integer ||
      first.integer < -kMaxItems || last.integer - first.integer > kMaxItems) {
    session.error(expr.span,
                  fmt::format("{}..{} is no range of at most {} integers", describe(first), describe(last), kMaxItems),
                  "range.C1");
    return {};
  }
  Term list;
  list.kind = TermKind::List;
  for (int64_t i = first.integer; i < last.integer; ++i) list.items.push_back(integer_term(i, expr.span));
  return list;
}

// Conditions choose what is built.  A number that is set at run time counts as true: it may be other than zero.
std::optional<bool> Evaluator::eval_condition(const Expr& expr, const FramePtr& frame) {
  Term condition = eval(expr, frame);
  if (condition.is_error()) return std::nullopt;
  if (condition.is_literal()) return condition.number() != 0;
  if (condition.weak && condition.dtype != DType::Bool) return true;
  session
      .error(expr.span,
             fmt::format("`if` chooses at compile time, but `{}` is {}", print_expr(expr), describe(condition)),
             "static.needed")
      .help({}, "select(condition, a, b) chooses at run time");
  return std::nullopt;
}

static bool mentions_training(const Expr& expr) {
  if (expr.kind == ExprKind::Name) return expr.text == "training";
  for (const ast::ExprPtr& part : expr.parts) {
    if (mentions_training(*part)) return true;
  }
  return false;
}

Term Evaluator::eval_if(const Expr& expr, const FramePtr& frame) {
  std::optional<bool> condition = eval_condition(*expr.parts[0], frame);
  if (!condition) return {};
  Term nothing;
  nothing.kind = TermKind::Tuple;
  const ast::Block* block = *condition ? expr.body.get() : expr.otherwise.get();
  if (!block) return nothing;
  FramePtr inner = make_frame(frame->kind, frame->decl, frame);
  if (mentions_training(*expr.parts[0])) inner->branch = emit.training ? "training." : "evaluation.";
  return run_block(*block, inner).value;
}

}  // namespace tarn
