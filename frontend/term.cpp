// Making and describing terms.
#include "frontend/term.h"

#include <fmt/format.h>

#include "frontend/builtins.h"
#include "ir/attr.h"

namespace tarn {

Shape shape_of(const std::vector<Axis>& axes) {
  Shape sizes;
  for (const Axis& axis : axes) sizes.push_back(axis.size);
  return sizes;
}

Term integer_term(int64_t value, Span origin) {
  Term term;
  term.kind = TermKind::Integer;
  term.integer = value;
  term.origin = origin;
  return term;
}

Term real_term(double value) {
  Term term;
  term.kind = TermKind::Real;
  term.real = value;
  return term;
}

Term bool_term(bool value) {
  Term term;
  term.kind = TermKind::Bool;
  term.integer = value;
  return term;
}

Term text_term(std::string text) {
  Term term;
  term.kind = TermKind::Text;
  term.text = std::move(text);
  return term;
}

std::string axis_text(const Axis& axis) {
  if (!axis.is_batch()) return fmt::format("{}", axis.size);
  return axis.inner == 1 ? "B" : fmt::format("B*{}", axis.inner);
}

static std::string describe_tensor(const Term& term) {
  if (term.weak) return term.dtype == DType::Bool ? "a truth value" : "a number";
  std::string out = term.classes > 0 ? fmt::format("class[{}]", term.classes) : std::string(dtype_name(term.dtype));
  if (term.axes.empty() && term.classes > 0) return out;
  out += '[';
  for (size_t i = 0; i < term.axes.size(); ++i) out += (i ? "," : "") + axis_text(term.axes[i]);
  return out + "]";
}

std::string describe(const Term& term) {
  switch (term.kind) {
    case TermKind::Error:
      return "an error";
    case TermKind::Integer:
      return fmt::format("{}", term.integer);
    case TermKind::Real:
      return float_text(term.real);
    case TermKind::Bool:
      return term.integer ? "true" : "false";
    case TermKind::Text:
      return quoted(term.text);
    case TermKind::Tensor:
      return describe_tensor(term);
    case TermKind::Closure:
      return "an initialiser";
    case TermKind::Columns:
      return "the columns of a table";
    case TermKind::Callable:
      return term.decl ? fmt::format("{} `{}`", ast::decl_word(term.decl->kind), term.decl->name.text)
                       : fmt::format("function `{}`", term.builtin ? term.builtin->name : "?");
    case TermKind::List:
    case TermKind::Tuple:
      break;
  }
  std::string out = term.kind == TermKind::List ? "[" : "(";
  for (size_t i = 0; i < term.items.size(); ++i) out += (i ? ", " : "") + describe(term.items[i]);
  return out + (term.kind == TermKind::List ? "]" : ")");
}

}  // namespace tarn
