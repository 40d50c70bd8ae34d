// Expressions for the scalar operations; functions named tarn_ stand in text/.
#include "codegen/target/c/emit/expression.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "ir/base/check.h"

namespace tarn::c_source {

static bool is_signed(DType dtype) {
  return dtype == DType::I32 || dtype == DType::I64;
}

std::string_view scalar_type(DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return "bool";
    case DType::U8:
      return "uint8_t";
    case DType::I32:
      return "uint32_t";
    case DType::I64:
      return "uint64_t";
    case DType::F32:
      return "float";
    case DType::F64:
      return "double";
    case DType::F16:
    case DType::BF16:
      break;  // of memory only
  }
  return "";
}

std::string_view memory_type(DType dtype) {
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return "tarn_u8";
    case DType::I32:
      return "tarn_i32";
    case DType::I64:
      return "tarn_i64";
    case DType::F32:
      return "tarn_f32";
    case DType::F64:
      return "tarn_f64";
    case DType::F16:
    case DType::BF16:
      return "tarn_u16";
  }
  return "";
}

static std::string float_literal(double value, DType dtype) {
  bool is_single = dtype == DType::F32;
  if (is_single) value = static_cast<double>(static_cast<float>(value));
  std::string suffix = is_single ? "f" : "";
  if (std::isnan(value)) return is_single ? "TARN_NAN" : "(double)TARN_NAN";
  if (std::isinf(value)) return fmt::format("{}{}TARN_INFINITY", value < 0 ? "-" : "", is_single ? "" : "(double)");
  std::string text = is_single ? fmt::format("{}", static_cast<float>(value)) : fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + suffix;
}

static uint64_t integer_bits(double value, DType dtype) {
  // 2^63 is the f64 next to the greatest i64.
  if (value >= 9223372036854775808.0) return static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  auto bits = static_cast<uint64_t>(static_cast<int64_t>(value));
  return dtype == DType::I32 ? bits & 0xFFFFFFFF : dtype == DType::U8 ? bits & 0xFF : bits;
}

Expression literal(double value, DType dtype) {
  Binding binding = std::signbit(value) ? Binding::Unary : Binding::Primary;
  switch (dtype) {
    case DType::Bool:
      return {value != 0 ? "true" : "false"};
    case DType::U8:
      return {fmt::format("{}", integer_bits(value, dtype)), Binding::Primary, true};
    case DType::I32:
      return {fmt::format("{}u", integer_bits(value, dtype)), Binding::Primary, true};
    case DType::I64:
      return {fmt::format("{}ull", integer_bits(value, dtype)), Binding::Primary, true};
    case DType::F32:
    case DType::F64:
      return {float_literal(value, dtype), binding, !std::isnan(value)};
    case DType::F16:
    case DType::BF16:
      break;
  }
  return {};
}

static Expression call(std::string_view name, std::span<const Expression> x) {
  std::string arguments;
  for (const Expression& operand : x) arguments += (arguments.empty() ? "" : ", ") + operand.text;
  return {fmt::format("{}({})", name, arguments)};
}

static Expression infix(std::string_view op, const Expression& a, const Expression& b, Binding binding) {
  auto right = static_cast<Binding>(static_cast<int>(binding) + 1);
  return {fmt::format("{} {} {}", a.as(binding), op, b.as(right)), binding};
}

// Of bits, and comparisons: their place in C's order is not known to every reader.
static Expression loose(std::string_view op, const Expression& a, const Expression& b, Binding least = Binding::Unary) {
  return {fmt::format("{} {} {}", a.as(least), op, b.as(least)), Binding::Loose};
}

static Expression cast_to(std::string_view type, const Expression& x) {
  return {fmt::format("({}){}", type, x.as(Binding::Unary)), Binding::Unary};
}

static Expression as_signed(const Expression& x, DType dtype) {
  if (!is_signed(dtype)) return x;
  return cast_to(dtype == DType::I32 ? "int32_t" : "int64_t", x);
}

// Arithmetic below the size of `int` is done in `int`.
static Expression wrapped(const Expression& x, DType dtype) {
  return dtype == DType::U8 ? cast_to("uint8_t", x) : x;
}

static std::string typed(std::string_view name, DType dtype) {
  return fmt::format("tarn_{}_{}", name, dtype_name(dtype));
}

static Expression compare(ScalarOp op, const Expression& a, const Expression& b, DType dtype) {
  // Compilers warn of comparing an integer with itself.
  if (!is_float(dtype) && a.text == b.text)
    return compare(op, infix("-", a, b, Binding::Sum), literal(0, DType::I32), dtype);
  bool is_equality = op == ScalarOp::Eq || op == ScalarOp::Ne;
  Expression left = is_equality ? a : as_signed(a, dtype), right = is_equality ? b : as_signed(b, dtype);
  std::string_view text = op == ScalarOp::Eq   ? "=="
                          : op == ScalarOp::Ne ? "!="
                          : op == ScalarOp::Lt ? "<"
                          : op == ScalarOp::Le ? "<="
                          : op == ScalarOp::Gt ? ">"
                                               : ">=";
  return loose(text, left, right, Binding::Sum);
}

static Expression convert(const Expression& x, DType from, DType to) {
  if (from == to) return x;
  if (to == DType::Bool) return loose("!=", x, literal(0, from));
  if (is_float(to)) return cast_to(scalar_type(to), as_signed(x, from));
  if (!is_float(from)) return cast_to(scalar_type(to), to == DType::I64 ? as_signed(x, from) : x);
  Expression integer = call(fmt::format("tarn_{}_of_{}", to == DType::I64 ? "i64" : "i32", dtype_name(from)), {&x, 1});
  return wrapped(integer, to);
}

// max(a, b) = a > b ? a : b gives b where either is NaN; so a NaN in a needs care, but in a number there is none.
static Expression extreme(const Expression& a, const Expression& b, DType dtype, bool is_maximum) {
  std::string_view op = is_maximum ? ">" : "<";
  if (dtype == DType::Bool) return loose(is_maximum ? "|" : "&", a, b);
  std::string better = loose(op, as_signed(a, dtype), as_signed(b, dtype)).text;
  auto pick = [&](const std::string& condition, const Expression& first, const Expression& second) {
    return Expression{fmt::format("{} ? {} : {}", condition, first.as(Binding::Sum), second.as(Binding::Sum)),
                      Binding::Loose};
  };
  if (!is_float(dtype)) return pick(better, a, b);
  if (a.is_literal) return pick(better, a, b);
  if (b.is_literal) return pick(loose(op, b, a).text, b, a);
  return pick(fmt::format("(({}) | ({} != {}))", better, a.as(Binding::Sum), a.as(Binding::Sum)), a, b);
}

bool needs_names(ScalarOp op, DType from) {
  return (op == ScalarOp::Min || op == ScalarOp::Max) && from != DType::Bool;
}

static Expression arithmetic(ScalarOp op, std::span<const Expression> x, DType dtype) {
  bool fp = is_float(dtype);
  Expression one = literal(1, dtype);
  switch (op) {
    case ScalarOp::Add:
      return wrapped(infix("+", x[0], x[1], Binding::Sum), dtype);
    case ScalarOp::Sub:
      return wrapped(infix("-", x[0], x[1], Binding::Sum), dtype);
    case ScalarOp::Mul:
      return wrapped(infix("*", x[0], x[1], Binding::Product), dtype);
    case ScalarOp::Div:
      return fp ? infix("/", x[0], x[1], Binding::Product) : call(typed("div", dtype), x);
    case ScalarOp::Neg:
      if (fp) return {"-" + x[0].as(Binding::Primary), Binding::Unary};
      return wrapped(infix("-", literal(0, dtype), x[0], Binding::Sum), dtype);
    case ScalarOp::Abs:
      return fp || is_signed(dtype) ? call(typed("abs", dtype), x) : x[0];
    case ScalarOp::Min:
      return extreme(x[0], x[1], dtype, false);
    case ScalarOp::Max:
      return extreme(x[0], x[1], dtype, true);
    case ScalarOp::Fma:
      if (fp) return call(typed("fma", dtype), x);
      return wrapped(infix("+", infix("*", x[0], x[1], Binding::Product), x[2], Binding::Sum), dtype);
    case ScalarOp::Sqrt:
    case ScalarOp::Floor:
    case ScalarOp::Round:
      return fp ? call(typed(scalar_op_name(op), dtype), x) : x[0];
    case ScalarOp::RoundF16:
    case ScalarOp::RoundBf16:
      return call(typed(scalar_op_name(op), dtype), x);
    case ScalarOp::Exp:
    case ScalarOp::Log:
    case ScalarOp::Log1p:
    case ScalarOp::Tanh:
    case ScalarOp::Erf:
    case ScalarOp::Sin:
    case ScalarOp::Cos:
      return call(typed(scalar_op_name(op), dtype), x);
    case ScalarOp::Pow: {
      if (fp) return call(typed("pow", dtype), x);
      Expression operands[] = {convert(x[0], dtype, DType::F64), convert(x[1], dtype, DType::F64)};
      return convert(call("tarn_pow_f64", operands), DType::F64, dtype);
    }
    case ScalarOp::And:
      return loose("&", x[0], x[1]);
    case ScalarOp::Or:
      return loose("|", x[0], x[1]);
    case ScalarOp::Xor:
      return loose("^", x[0], x[1]);
    case ScalarOp::Not:
      if (dtype == DType::Bool) return {"!" + x[0].as(Binding::Primary), Binding::Unary};
      return wrapped({"~" + x[0].as(Binding::Primary), Binding::Unary}, dtype);
    case ScalarOp::ShiftRight: {
      uint64_t most = dtype == DType::I64 ? 63 : 31;
      if (x[1].is_literal) return loose(">>", x[0], literal(static_cast<double>(std::stoull(x[1].text) & most), dtype));
      return loose(">>", x[0], loose("&", x[1], literal(static_cast<double>(most), dtype)));
    }
    case ScalarOp::MulHigh: {
      Expression product = infix("*", cast_to("uint64_t", x[0]), x[1], Binding::Product);
      return cast_to("uint32_t", loose(">>", product, {"32"}));
    }
    case ScalarOp::Eq:
    case ScalarOp::Ne:
    case ScalarOp::Lt:
    case ScalarOp::Le:
    case ScalarOp::Gt:
    case ScalarOp::Ge:
    case ScalarOp::Select:
    case ScalarOp::Cast:
      break;
  }
  TARN_CHECK(false, "`{}` is no arithmetic", scalar_op_name(op));
  return one;
}

Expression apply(ScalarOp op, std::span<const Expression> x, DType from, DType to) {
  if (is_comparison(op)) return compare(op, x[0], x[1], from);
  if (op == ScalarOp::Cast) return convert(x[0], from, to);
  if (op == ScalarOp::Select) {
    return {fmt::format("{} ? {} : {}", x[0].as(Binding::Unary), x[1].as(Binding::Sum), x[2].as(Binding::Sum)),
            Binding::Loose};
  }
  return arithmetic(op, x, from);
}

Expression identity(ReduceKind kind, DType dtype) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  bool is_wide = dtype == DType::I64;
  switch (kind) {
    case ReduceKind::Sum:
      return literal(0, dtype);
    case ReduceKind::Prod:
      return literal(1, dtype);
    case ReduceKind::Max:
    case ReduceKind::ArgMax:
      if (is_float(dtype)) return literal(-kInfinity, dtype);
      return literal(is_wide ? -9223372036854775808.0 : is_signed(dtype) ? -2147483648.0 : 0, dtype);
    case ReduceKind::Min:
      if (is_float(dtype)) return literal(kInfinity, dtype);
      return literal(is_wide               ? 9223372036854775808.0
                     : dtype == DType::I32 ? 2147483647
                     : dtype == DType::U8  ? 255
                                           : 1,
                     dtype);
  }
  return {};
}

Expression combine(ReduceKind kind, const Expression& sum, const Expression& value, DType dtype) {
  if (dtype == DType::Bool) {
    bool is_and = kind == ReduceKind::Prod || kind == ReduceKind::Min;
    return loose(is_and ? "&" : "|", sum, value);
  }
  const Expression operands[] = {sum, value};
  switch (kind) {
    case ReduceKind::Sum:
      return arithmetic(ScalarOp::Add, operands, dtype);
    case ReduceKind::Prod:
      return arithmetic(ScalarOp::Mul, operands, dtype);
    case ReduceKind::Max:
      return extreme(sum, value, dtype, true);
    case ReduceKind::Min:
      return extreme(sum, value, dtype, false);
    case ReduceKind::ArgMax:
      break;
  }
  TARN_CHECK(false, "argmax has no single combining operation");
  return sum;
}

}  // namespace tarn::c_source
