// Element types: which operands go together, what adapts, explicit conversions.  A tensor is never converted by itself;
// scalars (literals, hypers, B) take the type of the tensor they meet.
#include <fmt/format.h>

#include "frontend/emitter.h"
#include "frontend/fold.h"

namespace tarn {

// Whether x can be calculated with: labels cannot, for their numbers mean nothing, and truth values are no numbers.
bool Emitter::is_arithmetic(const Term& x, std::string_view symbol, Span span) {
  if (x.is_error()) return false;
  if (x.is_tensor() && x.classes > 0) {
    session_
        .error(span, fmt::format("`{}` calculates with class labels, whose numbers have no meaning", symbol),
               "type.class")
        .help({}, "write float(y) for the label as a number, or one_hot(y) for one column a class");
    return false;
  }
  if (x.is_tensor() && x.dtype == DType::Bool) {
    session_
        .error(span, fmt::format("`{}` calculates with truth values, but this is {}", symbol, describe(x)),
               "type.mismatch")
        .help({}, "write float(c) for 0 and 1, or select(c, a, b) to choose");
    return false;
  }
  if (x.is_tensor() || x.is_literal()) return true;
  session_.error(span, fmt::format("`{}` needs numbers or tensors, but this is {}", symbol, describe(x)),
                 "type.mismatch");
  return false;
}

bool Emitter::is_float_operand(const Term& x, std::string_view symbol, Span span) {
  if (!is_arithmetic(x, symbol, span)) return false;
  if (!x.is_tensor() || is_float(x.dtype)) return true;
  session_.error(span, fmt::format("`{}` takes floats, but this is `{}`", symbol, describe(x)), "type.mismatch")
      .help({}, symbol == "/" ? "floor_div(a, b) rounds down; f32(a) / f32(b) is the quotient of floats"
                              : "f32(x) makes floats of it");
  return false;
}

static bool adapts(const Term& x) {
  return x.is_literal() || x.weak;
}

// Whether the scalar x can take this type without losing what it says.
static bool can_become(const Term& x, DType dtype) {
  if (is_float(dtype)) return !(x.is_tensor() && x.dtype == DType::Bool);
  if (dtype == DType::Bool) return x.kind == TermKind::Bool || (x.is_tensor() && x.dtype == DType::Bool);
  bool is_long = dtype == DType::I64;
  return x.kind == TermKind::Integer && (is_long || (x.integer >= INT32_MIN && x.integer <= INT32_MAX));
}

std::optional<DType> Emitter::agree(const Term& a, const Term& b, std::string_view symbol, Span span) {
  if (adapts(a) && adapts(b)) return DType::F64;
  bool is_sound = adapts(a) ? can_become(a, b.dtype) : adapts(b) ? can_become(b, a.dtype) : a.dtype == b.dtype;
  if (is_sound) return adapts(a) ? b.dtype : a.dtype;
  DType wanted = is_float(b.dtype) || adapts(a) ? b.dtype : a.dtype;
  if (adapts(a) || adapts(b)) wanted = DType::F32;
  session_
      .error(
          span,
          fmt::format("`{}` joins values of one type, but these are `{}` and `{}`", symbol, describe(a), describe(b)),
          "type.mismatch")
      .help({},
            fmt::format("nothing is converted by itself: {}(x) makes {} of x", dtype_name(wanted), dtype_name(wanted)));
  return std::nullopt;
}

Term Emitter::cast(const Term& x, DType dtype, Span span) {
  if (x.is_error()) return {};
  if (x.is_literal()) return fold_cast(x, dtype);
  if (!x.is_tensor()) {
    session_.error(span,
                   fmt::format("`{}` converts numbers and tensors, but this is {}", dtype_name(dtype), describe(x)),
                   "type.mismatch");
    return {};
  }
  return like(x, at().cast(x.value, dtype));
}

Term Emitter::computed(const Term& x, Span span) {
  return x.is_tensor() && is_half(x.dtype) ? cast(x, DType::F32, span) : x;
}

Term Emitter::add_widened(const Term& a, const Term& b, Span span) {
  bool is_mixed = a.is_tensor() && b.is_tensor() && a.dtype != b.dtype;
  DType wider = a.dtype == DType::F64 || b.dtype == DType::F64 ? DType::F64 : DType::F32;
  auto wide = [&](const Term& x) { return is_mixed && x.dtype != wider ? cast(x, wider, span) : x; };
  return arithmetic("add", "+", wide(a), wide(b), span);
}

Term Emitter::to_float(const Term& x, Span span, DType dtype) {
  if (x.is_error() || x.is_number()) return x;
  if (x.kind == TermKind::Bool) return integer_term(x.integer);
  if (!x.is_tensor()) {
    session_.error(span, fmt::format("a tensor is needed, but this is {}", describe(x)), "type.mismatch");
    return {};
  }
  if (is_float(x.dtype)) return x;
  if (x.weak) return weak(at().cast(x.value, DType::F64));
  return like(x, at().cast(x.value, dtype));
}

// Rounded down; x / 0 of integers is 0.
Term Emitter::floor_div(const Term& a, const Term& b, Span span) {
  if (!is_arithmetic(a, "floor_div", span) || !is_arithmetic(b, "floor_div", span)) return {};
  if (a.kind == TermKind::Integer && b.kind == TermKind::Integer) {
    if (b.integer == 0) return integer_term(0, a.origin);
    if (b.integer == -1) return fold("neg", {a});
    bool rounds = a.integer % b.integer != 0 && (a.integer < 0) != (b.integer < 0);
    Term quotient = integer_term(a.integer / b.integer - (rounds ? 1 : 0), a.origin);
    quotient.from_batch = a.from_batch || b.from_batch;
    return quotient;
  }
  std::optional<DType> dtype = agree(a, b, "floor_div", span);
  if (!dtype) return {};
  if (is_float(*dtype)) return unary("floor", arithmetic("div", "floor_div", a, b, span), span);
  std::vector<Axis> axes;
  if (!join(a, b, "floor_div", span, axes)) return {};
  Builder& to = at();
  ValueId x = spread(a, *dtype, axes);
  return tensor(to.op("floor_div", {x, spread(b, *dtype, axes)}), axes);
}

}  // namespace tarn
