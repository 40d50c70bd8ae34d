// Signatures: checks a value against `f32[.., In]`, binds the dimensions that the signature names, and names the
// value's dimensions after it.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/evaluator.h"
#include "frontend/print_ast.h"

namespace tarn {

using ast::Expr;
using ast::ExprKind;

static bool is_upper(const std::string& name) {
  return !name.empty() && name[0] >= 'A' && name[0] <= 'Z';
}

static Term dimension_term(const Axis& axis) {
  Term term = integer_term(axis.size, axis.origin);
  term.is_dimension = true;
  term.from_batch = axis.is_batch();
  return term;
}

bool Evaluator::match_element(const ast::TypeExpr& type, Term& value, const FramePtr& frame, const std::string& what,
                              const std::string& subject, const std::string& rule, Span span) {
  const std::string& element = type.element.text;
  auto differ = [&](const char* help) {
    Diagnostic& made = session.error(
        span, fmt::format("{} needs `{}`, but {} is `{}`", what, print_type(type), subject, describe(value)), rule);
    if (help && !made.rule.empty()) made.help({}, help);
    return false;
  };
  if (element == "class") {
    if (!value.is_tensor() || value.classes == 0) return differ("declare the data field as `class[10]`");
    Axis classes = emit.fresh_axis(value.classes, "", value.origin);
    return match_dim(*type.classes, classes, frame, what, fmt::format(", but the number of classes of {} is", subject),
                     rule, span);
  }
  std::optional<DType> wanted = dtype_from_name(element);
  bool is_generic = element == "float";
  if (is_generic || (wanted && *wanted != DType::U8)) {
    bool takes_any = !type.has_dims;
    if (value.is_tensor() && value.classes > 0)
      return differ("float(y) is the label as a number, one_hot(y) one column a class");
    bool wants_float = is_generic || is_float(*wanted);
    bool is_fitting_scalar = wants_float              ? value.is_number() || value.weak
                             : *wanted == DType::Bool ? value.kind == TermKind::Bool || value.weak
                                                      : value.kind == TermKind::Integer;
    if (!value.is_tensor() || value.weak) return (takes_any && is_fitting_scalar) || differ(nullptr);
    std::optional<DType>& generic = frame->root->float_type;
    if (is_generic && is_float(value.dtype)) wanted = generic = generic.value_or(value.dtype);
    if (wanted && value.dtype == *wanted) return true;
    std::string to = wanted ? std::string(dtype_name(*wanted)) : "float";
    return differ(fmt::format("{}(x) converts it", to).c_str());
  }
  std::string nearest = nearest_name(element, {"f32", "f64", "f16", "bf16", "float", "i32", "i64", "bool", "class"});
  session.error(type.element.span,
                fmt::format("there is no type `{}`{}", element,
                            nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest)),
                "type.unknown");
  return false;
}

// `clause` leads to the size that is there: ", but its input has".
bool Evaluator::match_dim(const Expr& dim, Axis& axis, const FramePtr& frame, const std::string& what,
                          const std::string& clause, const std::string& rule, Span span) {
  int64_t wanted = 0;
  bool wants_batch = false;
  Span origin = dim.span;
  if (dim.kind == ExprKind::Name && is_upper(dim.text) && !find_local(dim.text, frame) &&
      !session.find(dim.text, dim.span)) {
    frame->root->names[dim.text] = dimension_term(axis);
    axis.name = dim.text;
    return true;
  }
  Term term = eval_static(dim, frame);
  if (term.is_error()) return false;
  if (term.kind != TermKind::Integer) {
    session.error(dim.span, fmt::format("a size is an integer, but this is {}", describe(term)), "shape.size");
    return false;
  }
  wanted = term.integer;
  wants_batch = term.from_batch;
  if (term.origin.is_known()) origin = term.origin;
  std::string label = dim.kind == ExprKind::Name ? dim.text : "";
  if (axis.size == wanted && axis.is_batch() == wants_batch) {
    if (!label.empty()) axis.name = label;
    return true;
  }
  std::string needed = label.empty() ? fmt::format("{}", wanted) : fmt::format("{} = {}", label, wanted);
  if (dim.kind != ExprKind::Name && dim.kind != ExprKind::Number)
    needed = fmt::format("{} = {}", print_expr(dim), wanted);
  std::string has = axis.size == wanted
                        ? fmt::format("{} ({})", axis.size, axis.is_batch() ? "the batch" : "not the batch")
                        : axis_text(axis);
  Diagnostic& made = session.error(span, fmt::format("{} needs {}{} {}", what, needed, clause, has), rule);
  if (made.rule.empty()) return false;
  session.note_origin(made, axis);
  Axis expected;
  expected.size = wanted;
  expected.origin = origin;
  session.note_origin(made, expected);
  return false;
}

// Dimensions of `f32[B, T, T]` that a signature calls the same are no more one than the other what another argument calls
// `T`: only what is made of this tensor from here on shares one of them.
void Evaluator::part_twins(std::vector<Axis>& axes) {
  for (Axis& axis : axes) {
    auto has_its_name = [&](const Axis& other) { return !axis.name.empty() && other.name == axis.name; };
    if (std::count_if(axes.begin(), axes.end(), has_its_name) > 1) axis.identity = session.next_identity++;
  }
}

bool Evaluator::match_type(const ast::TypeExpr& type, Term& value, const FramePtr& frame, Leading& leading,
                           const std::string& what, const std::string& subject, const std::string& rule, Span span) {
  if (value.is_error() || !match_element(type, value, frame, what, subject, rule, span)) return false;
  bool takes_any = !type.has_dims && type.element.text != "class";
  if (takes_any) return true;  // `t: f32` is elementwise: any shape
  size_t dots = type.dims.size();
  for (size_t i = 0; i < type.dims.size(); ++i) {
    if (type.dims[i]->kind != ExprKind::Ellipsis) continue;
    if (dots != type.dims.size()) {
      session.error(type.dims[i]->span, "a type has `..` once at most", "type.dots");
      return false;
    }
    dots = i;
  }
  bool has_dots = dots < type.dims.size();
  size_t named = type.dims.size() - (has_dots ? 1 : 0);
  size_t rank = value.axes.size();
  if (has_dots ? rank < named : rank != named) {
    Diagnostic& made = session.error(
        span, fmt::format("{} needs `{}`, but {} is `{}`", what, print_type(type), subject, describe(value)), rule);
    for (const Axis& axis : value.axes) {
      if (!made.rule.empty()) session.note_origin(made, axis);
    }
    return false;
  }
  size_t dotted = rank - named;
  bool is_sound = true;
  for (size_t i = 0; i < type.dims.size(); ++i) {
    if (i == dots) continue;
    size_t place = i < dots ? i : i + dotted - (has_dots ? 1 : 0);
    bool is_plain = type.dims[i]->kind == ExprKind::Number;  // 784: say whose
    std::string has = is_plain ? fmt::format(" of `{}`, but {} has", print_type(type), subject)
                               : fmt::format(", but {} has", subject);
    is_sound = match_dim(*type.dims[i], value.axes[place], frame, what, has, rule, span) && is_sound;
  }
  part_twins(value.axes);
  if (!has_dots || !is_sound) return is_sound;
  std::vector<Axis> here(value.axes.begin() + static_cast<std::ptrdiff_t>(dots),
                         value.axes.begin() + static_cast<std::ptrdiff_t>(dots + dotted));
  if (!leading) {
    leading = here;
    return true;
  }
  bool is_same = here.size() == leading->size();
  for (size_t i = 0; i < here.size() && is_same; ++i) {
    is_same = here[i].size == (*leading)[i].size && here[i].inner == (*leading)[i].inner;
  }
  if (is_same) return true;
  std::string expected;
  for (const Axis& axis : *leading) expected += (expected.empty() ? "" : ",") + axis_text(axis);
  session.error(span,
                fmt::format("{} needs the dimensions `..` = [{}] everywhere, but {} is `{}`", what, expected, subject,
                            describe(value)),
                rule);
  return false;
}

// The dimensions of a declaration, all of them known: `param w: f32[In, Out]`.
std::vector<Axis> Evaluator::eval_dims(const std::vector<ast::ExprPtr>& dims, const FramePtr& frame) {
  std::vector<Axis> axes;
  int64_t elements = 1;
  constexpr int64_t kMaxElements = int64_t{1} << 31;
  for (const ast::ExprPtr& dim : dims) {
    if (dim->kind == ExprKind::Ellipsis) {
      session.error(dim->span, "`..` has no known size here", "shape.size");
      return {};
    }
    if (dim->kind == ExprKind::Name && !find_local(dim->text, frame) && !session.find(dim->text, dim->span)) {
      unknown_name(dim->text, dim->span, frame);
      return {};
    }
    Term size = eval_static(*dim, frame);
    std::optional<int64_t> number = size.is_error() ? std::nullopt : eval_size(*dim, frame);
    if (!number) return {};
    if (__builtin_mul_overflow(elements, *number, &elements) || elements > kMaxElements) {
      std::string sizes;
      for (const Axis& axis : axes) sizes += fmt::format("{} * ", axis.size);
      session.error(dim->span, fmt::format("a tensor holds at most 2^31 elements, not {}{}", sizes, *number),
                    "shape.size");
      return {};
    }
    Span origin = size.origin.is_known() ? size.origin : dim->span;
    axes.push_back(emit.fresh_axis(*number, dim->kind == ExprKind::Name ? dim->text : "", origin));
    if (size.from_batch) axes.back().inner = *number % emit.batch == 0 ? *number / emit.batch : 0;
  }
  return axes;
}

}  // namespace tarn
