// Names, operators, lists, conditions, indexing.
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
      Call call{eval(*expr.parts[0], frame, mode), std::nullopt, &expr.args, frame, expr.instance, expr.span};
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
    case ExprKind::Arrow:
    case ExprKind::Ellipsis:
    case ExprKind::For:
      break;
  }
  session.error(expr.span, fmt::format("`{}` has no value here", print_expr(expr)), "syntax.place");
  return {};
}

std::optional<Term> Evaluator::find_local(const std::string& name, const FramePtr& frame) {
  for (Frame* at = frame; at; at = at->outer) {
    if (auto found = at->names.find(name); found != at->names.end()) return found->second;
    if (!at->data) continue;
    for (const ast::Entry& field : at->data->entries) {
      if (field.key.text != name) continue;
      Term value = data_field(*at->data, field);
      at->names[name] = value;
      return value;
    }
  }
  return std::nullopt;
}

// A name's meaning at the place where it is used.
Term Evaluator::use_term(const Term& term, const std::string& name, Span span, Mode mode) {
  if (term.is_tensor() && term.owner != &emit.func()) {
    session.error(span, fmt::format("an initial value cannot depend on `{}`, a value of the training step", name),
                  "init.C1");
    return {};
  }
  if (term.kind == TermKind::Closure && init_) {
    // Evaluated where it was written, for the parameter at hand.
    return eval(*term.expr, term.frame);
  }
  if (mode == Mode::Value && term.kind == TermKind::Integer && term.from_batch) {
    if (term.is_dimension) return emit.batch_axis_rows(term.integer);
    session
        .error(span,
               fmt::format("`{}` was computed from the size of the batch, of which fewer rows may be valid", name),
               "batch.static")
        .help({}, "write the expression here: in it, B is the number of valid rows");
    return {};
  }
  return term;
}

Term Evaluator::eval_name(const Expr& expr, const FramePtr& frame, Mode mode) {
  const std::string& name = expr.text;
  if (std::optional<Term> local = find_local(name, frame)) return use_term(*local, name, expr.span, mode);
  if (frame->kind == FrameKind::Data) {
    if (name == "cols") {
      Term columns;
      columns.kind = TermKind::Columns;
      return columns;
    }
    if (name == "images" || name == "labels") return source_tensor(frame, name, {{"source", name}}, 0, expr.span);
  }
  if (init_ && name == "fan_in") return integer_term(init_->fan_in);
  if (init_ && name == "fan_out") return integer_term(init_->fan_out);
  Term global = find_global(name, expr.span, mode);
  if (!global.is_error() || global.text == "reported") return global;
  return unknown_name(name, expr.span, frame);
}

// An error term with text "reported" where the name is known but wrong; a plain one where there is no such name.
Term Evaluator::find_global(const std::string& name, Span span, Mode mode) {
  Term reported;
  reported.text = "reported";
  if (name == "training") return bool_term(emit.training);
  if (name == "pi") return real_term(3.14159265358979323846);
  if (schedule_ && (name == "step" || name == "total_steps" || name == "epoch")) {
    if (name == "step") return schedule_->step;
    return emit.number_argument(name, name == "epoch" ? Role::Epoch : Role::TotalSteps);
  }
  if (const ast::Decl* decl = session.find(name)) {
    if (decl->kind == ast::DeclKind::Const) {
      Term value = use_term(eval_const(*decl), name, span, mode);
      return value.is_error() ? reported : value;
    }
    if (decl->kind == ast::DeclKind::Hyper) {
      Term value = eval_hyper(*decl, span, mode);
      return value.is_error() ? reported : value;
    }
    Term callable;
    callable.kind = TermKind::Callable;
    callable.decl = decl;
    if (decl->kind == ast::DeclKind::Init && init_) {
      Call call{callable, std::nullopt, nullptr, nullptr, {}, span};
      Term value = apply_init(call);
      return value.is_error() ? reported : value;
    }
    return callable;
  }
  if (const Builtin* builtin = find_builtin(name)) {
    Term callable;
    callable.kind = TermKind::Callable;
    callable.builtin = builtin;
    return callable;
  }
  return {};
}

Term Evaluator::unknown_name(const std::string& name, Span span, const FramePtr& frame) {
  std::vector<std::string> candidates = session.declared_names();
  for (const Builtin& builtin : all_builtins()) candidates.push_back(builtin.name);
  for (Frame* at = frame; at; at = at->outer) {
    for (const auto& [local, term] : at->names) candidates.push_back(local);
    if (!at->data) continue;
    for (const ast::Entry& field : at->data->entries) candidates.push_back(field.key.text);
  }
  if (frame->kind == FrameKind::Data) candidates.insert(candidates.end(), {"images", "labels", "cols"});
  std::string nearest = nearest_name(name, candidates);
  std::string hint = nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest);
  session.error(span, fmt::format("there is no `{}` here{}", name, hint), "name.unknown");
  return {};
}

Term Evaluator::eval_const(const ast::Decl& decl) {
  if (auto found = constants_.find(&decl); found != constants_.end()) return found->second;
  if (!evaluating_.insert(&decl).second) {
    session.error(decl.name.span, fmt::format("`{}` is defined by itself", decl.name.text), "const.cycle");
    return {};
  }
  FramePtr frame = make_frame(FrameKind::Function, &decl);
  Term value = eval_static(*decl.value, frame);
  auto define = session.options().defines.find(decl.name.text);
  if (define != session.options().defines.end()) {
    const std::string& text = define->second;
    char* end = nullptr;
    long long integer = std::strtoll(text.c_str(), &end, 10);
    if (!text.empty() && *end == '\0') {
      value = integer_term(integer, decl.name.span);
    } else if (double real = std::strtod(text.c_str(), &end); !text.empty() && *end == '\0') {
      value = real_term(real);
    } else if (text == "true" || text == "false") {
      value = bool_term(text == "true");
    } else {
      value = text_term(text);
    }
  }
  evaluating_.erase(&decl);
  constants_[&decl] = value;
  return value;
}

Term Evaluator::eval_hyper(const ast::Decl& decl, Span span, Mode mode) {
  if (mode == Mode::Static) {
    session
        .error(span,
               fmt::format("`{}` is a hyper, a number set at run time, but a constant is needed here", decl.name.text),
               "static.needed")
        .help(decl.span, "declare it as `const`; `tarn build -D` then sets it");
    return {};
  }
  Term value = eval_static(*decl.value, make_frame(FrameKind::Function, &decl));
  if (value.is_error()) return {};
  if (!value.is_number()) {
    session.error(decl.value->span, fmt::format("a hyper is a number, but this is {}", describe(value)), "hyper.C1");
    return {};
  }
  Term argument = emit.argument(decl.name.text, Role::Hyper, DType::F64, {}, value.number());
  argument.weak = true;
  return argument;
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

// What `normal_like` of `normal_like[..]` stands for while a parameter gets its first value.
std::optional<Term> Evaluator::find_initialiser(const Expr& expr, const FramePtr& frame) {
  if (expr.kind != ExprKind::Name || !init_) return std::nullopt;
  if (std::optional<Term> local = find_local(expr.text, frame)) {
    return local->kind == TermKind::Closure ? local : std::nullopt;
  }
  const ast::Decl* decl = session.find(expr.text);
  if (!decl || decl->kind != ast::DeclKind::Init) return std::nullopt;
  Term callee;
  callee.kind = TermKind::Callable;
  callee.decl = decl;
  return callee;
}

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

Term Evaluator::eval_index(const Term& base, const Expr& expr, const FramePtr& frame) {
  size_t axis = 0, dropped = 0;
  Term result = base;
  size_t explicit_args = 0;
  for (const ast::Arg& arg : expr.args) explicit_args += arg.value->kind != ExprKind::Ellipsis;
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
    if (index.kind == ExprKind::Ellipsis) {
      axis += base.axes.size() - explicit_args;
    } else if (index.kind == ExprKind::Range) {
      Term begin = eval_static(*index.parts[0], frame), end = eval_static(*index.parts[1], frame);
      if (begin.is_error() || end.is_error()) return {};
      result = emit.slice(result, axis - dropped, begin.integer, end.integer, index.span);
      ++axis;
    } else {
      Term place = eval_static(index, frame);
      if (place.is_error()) return {};
      if (place.kind != TermKind::Integer) {
        session.error(index.span, fmt::format("an index is an integer, but this is {}", describe(place)),
                      "index.range");
        return {};
      }
      result = emit.slice(result, axis - dropped, place.integer, place.integer + 1, index.span);
      if (!result.is_error()) result = emit.drop_axis(result, axis - dropped, index.span);
      ++dropped;
      ++axis;
    }
  }
  return result;
}

Term Evaluator::eval_axes(const Expr& expr, const FramePtr& frame) {
  auto one = [&](const Expr& item) -> Term {
    if (item.kind != ExprKind::Name) return eval_static(item, frame);
    std::optional<Term> local = find_local(item.text, frame);
    if (local && !local->is_dimension) return *local;
    return text_term(item.text);
  };
  if (expr.kind != ExprKind::List) return one(expr);
  Term list;
  list.kind = TermKind::List;
  for (const ast::ExprPtr& part : expr.parts) list.items.push_back(one(*part));
  return list;
}

std::optional<std::vector<size_t>> Evaluator::find_axes(const Term& x, const Term& axes, Span span) {
  std::vector<size_t> places;
  if (axes.is_error() || x.is_error()) return std::nullopt;
  if (axes.kind == TermKind::Text && axes.text == "all") {
    for (size_t i = 0; i < x.axes.size(); ++i) places.push_back(i);
    return places;
  }
  for (const Term& item : axes.kind == TermKind::List ? axes.items : std::vector<Term>{axes}) {
    int64_t rank = static_cast<int64_t>(x.axes.size()), place = -1;
    if (item.kind == TermKind::Integer && item.integer < rank)
      place = item.integer < 0 ? item.integer + rank : item.integer;
    for (int64_t i = rank - 1; i >= 0 && item.kind == TermKind::Text; --i) {
      if (x.axes[static_cast<size_t>(i)].name == item.text) place = i;
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

}  // namespace tarn
