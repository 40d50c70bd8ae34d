// Integers in 64 bits, for which the ops' eval in f64 is not exact; all else by eval.
#include "frontend/fold.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "ir/base/check.h"
#include "ir/interpret.h"
#include "ir/op_def.h"

namespace tarn {

// nullopt: it does not fit, or the result is no integer.
static std::optional<int64_t> integer_of_one(std::string_view op, int64_t x) {
  if (op == "stop_gradient") return x;
  if (op == "sign") return (x > 0) - (x < 0);
  if (op == "relu") return std::max<int64_t>(x, 0);
  if (x == INT64_MIN) return std::nullopt;
  if (op == "neg") return -x;
  if (op == "abs") return std::abs(x);
  return std::nullopt;
}

static std::optional<int64_t> integer_of_two(std::string_view op, int64_t a, int64_t b) {
  int64_t result = 0;
  if (op == "min") return std::min(a, b);
  if (op == "max") return std::max(a, b);
  if (op == "add" && !__builtin_add_overflow(a, b, &result)) return result;
  if (op == "sub" && !__builtin_sub_overflow(a, b, &result)) return result;
  if (op == "mul" && !__builtin_mul_overflow(a, b, &result)) return result;
  return std::nullopt;
}

static std::optional<bool> comparison_of_integers(std::string_view op, int64_t a, int64_t b) {
  if (op == "eq") return a == b;
  if (op == "ne") return a != b;
  if (op == "lt") return a < b;
  if (op == "le") return a <= b;
  if (op == "gt") return a > b;
  if (op == "ge") return a >= b;
  return std::nullopt;
}

static const OpDef& elementwise_op(std::string_view name) {
  const OpDef* def = find_op(name);
  TARN_CHECK(def && std::holds_alternative<Elementwise>(def->body), "`{}` is no elementwise op", name);
  return *def;
}

// The dtype that the op gives for operands of f64: f64, or bool of a comparison.
static DType result_dtype(const OpDef& def, size_t operands) {
  std::vector<Type> types(operands, Type{DType::F64, {}});
  Result<Type> type = def.shape({types, {}});
  TARN_CHECK(type, "`{}` does not take f64", def.name);
  return type->dtype;
}

Term fold(std::string_view op, const std::vector<Term>& operands) {
  const OpDef& def = elementwise_op(op);
  auto is_integer = [](const Term& x) { return x.kind == TermKind::Integer; };
  if (std::all_of(operands.begin(), operands.end(), is_integer)) {
    const Term &a = operands.front(), &b = operands.back();
    if (operands.size() == 2) {
      if (std::optional<bool> holds = comparison_of_integers(op, a.integer, b.integer)) return bool_term(*holds);
    }
    std::optional<int64_t> exact =
        operands.size() == 1 ? integer_of_one(op, a.integer) : integer_of_two(op, a.integer, b.integer);
    if (exact) {
      Term term = integer_term(*exact, a.origin.is_known() ? a.origin : b.origin);
      term.from_batch = operands.size() == 2 && (a.from_batch || b.from_batch);
      return term;
    }
  }
  std::vector<double> numbers;
  for (const Term& operand : operands) numbers.push_back(operand.number());
  DType dtype = result_dtype(def, operands.size());
  double value = element_of(std::get<Elementwise>(def.body), numbers, DType::F64, dtype);
  return dtype == DType::Bool ? bool_term(value != 0) : real_term(value);
}

Term fold_cast(const Term& x, DType dtype) {
  if (x.kind == TermKind::Integer && dtype == DType::I64) return integer_term(x.integer);
  if (x.kind == TermKind::Integer && dtype == DType::I32) return integer_term(static_cast<int32_t>(x.integer));
  DType from = x.kind == TermKind::Real ? DType::F64 : DType::I64;
  double number = x.number();
  double value =
      element_of(std::get<Elementwise>(elementwise_op("cast").body), {&number, 1}, from, dtype, {.round_f32 = true});
  if (dtype == DType::Bool) return bool_term(value != 0);
  return is_float(dtype) ? real_term(value) : integer_term(static_cast<int64_t>(value));
}

}  // namespace tarn
