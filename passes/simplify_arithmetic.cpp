// Rules on elementwise ops.  Each is a line of math above a line of code; c and d are constants.
#include <algorithm>
#include <cmath>

#include "ir/interpret.h"
#include "ir/shape_rules.h"
#include "passes/simplify_match.h"

namespace tarn {

using Simpler = std::optional<ValueId>;

// A power of two whose reciprocal is a normal number, so that x / c and x * (1/c) round alike.
static bool has_exact_reciprocal(double c, DType dtype) {
  int exponent = 0;
  // The least normal exponent, negated.
  int limit = dtype == DType::F16 ? 14 : dtype == DType::F64 ? 1022 : 126;
  return std::isnormal(c) && std::fabs(std::frexp(c, &exponent)) == 0.5 && std::abs(exponent - 1) < limit;
}

constexpr int kProductDepth = 8;  // of mul, neg and div that are looked through

// The factors of a product, through signs and divisors.
static void collect_factors(Match& m, ValueId product, int depth, std::vector<ValueId>& factors) {
  const Op* op = depth > 0 ? m.definitions.of(product) : nullptr;
  if (op && (op->def->name == "neg" || op->def->name == "div")) {
    collect_factors(m, op->operands[0], depth - 1, factors);
  } else if (op && op->def->name == "mul") {
    std::vector<ValueId> operands = op->operands;
    for (ValueId operand : operands) collect_factors(m, operand, depth - 1, factors);
  } else {
    factors.push_back(product);
  }
}

// The product without one of its factors, once; nullopt where the factor is all of it, or is not found.
struct Remainder {
  bool found = false;
  Simpler rest;
};
static Remainder without(Match& m, ValueId product, ValueId factor, int depth) {
  if (product == factor) return {true, std::nullopt};
  const Op* defined = depth > 0 ? m.definitions.of(product) : nullptr;
  if (!defined || !(defined->def->name == "mul" || defined->def->name == "neg" || defined->def->name == "div"))
    return {};
  const Op op = *defined;
  Remainder first = without(m, op.operands[0], factor, depth - 1);
  if (first.found && op.def->name == "mul") {
    return {true, first.rest ? m.b.mul(*first.rest, op.operands[1]) : op.operands[1]};
  }
  if (first.found) {
    ValueId rest = first.rest ? *first.rest : m.b.constant(1, m.type);
    return {true, op.def->name == "neg" ? m.b.neg(rest) : m.b.div(rest, op.operands[1])};
  }
  if (op.def->name != "mul") return {};
  Remainder second = without(m, op.operands[1], factor, depth - 1);
  if (!second.found) return {};
  return {true, second.rest ? m.b.mul(op.operands[0], *second.rest) : op.operands[0]};
}

// x a + x b = x (a + b), with the x that was computed last: in a gradient that is the cotangent, and a + b is then a
// function of the forward pass alone, one value to keep instead of two.
static Simpler factor_sum(Match& m) {
  std::vector<ValueId> left, right;
  for (int i : {0, 1}) {
    auto op = m.definitions.of(m.x[i]);
    if (!op || !(op->def->name == "mul" || op->def->name == "neg" || op->def->name == "div")) return std::nullopt;
    collect_factors(m, m.x[i], kProductDepth, i == 0 ? left : right);
  }
  Simpler common;
  for (ValueId factor : left) {
    bool is_common = std::find(right.begin(), right.end(), factor) != right.end() && !m.constant(factor);
    if (is_common && (!common || common->index < factor.index)) common = factor;
  }
  if (!common || m.x[0] == m.x[1]) return std::nullopt;
  Remainder a = without(m, m.x[0], *common, kProductDepth), b = without(m, m.x[1], *common, kProductDepth);
  if (!a.rest || !b.rest) return std::nullopt;
  return m.b.mul(*common, m.b.add(*a.rest, *b.rest));
}

static Simpler simplify_add(Match& m) {
  for (int i : {0, 1}) {
    // x + 0 = x
    if (m.is_constant(1 - i, 0)) return m.x[i];
    // x + -y = x - y
    if (auto neg = m.operand(1 - i, "neg")) return m.b.sub(m.x[i], neg->operands[0]);
  }
  return factor_sum(m);
}

static Simpler simplify_sub(Match& m) {
  // x - 0 = x
  if (m.is_constant(1, 0)) return m.x[0];
  // 0 - x = -x
  if (m.is_constant(0, 0)) return m.b.neg(m.x[1]);
  // x - -y = x + y
  if (auto neg = m.operand(1, "neg")) return m.b.add(m.x[0], neg->operands[0]);
  return std::nullopt;
}

static Simpler simplify_mul(Match& m) {
  for (int i : {0, 1}) {
    // x * 1 = x
    if (m.is_constant(1 - i, 1)) return m.x[i];
    // x * -1 = -x
    if (m.is_constant(1 - i, -1)) return m.b.neg(m.x[i]);
    auto neg = m.operand(i, "neg");
    if (!neg) continue;
    // -x * -y = x * y
    if (auto other = m.operand(1 - i, "neg")) return m.b.mul(neg->operands[0], other->operands[0]);
    // -x * c = x * -c
    if (auto c = m.constant(m.x[1 - i]))
      return m.b.mul(neg->operands[0], m.b.constant(to_dtype(-*c, m.type.dtype), m.type));
  }
  return std::nullopt;
}

static Simpler simplify_div(Match& m) {
  std::optional<double> c = m.constant(m.x[1]);
  if (!c) return std::nullopt;
  // x / 1 = x
  if (*c == 1) return m.x[0];
  // x / 2^n = x * 2^-n
  if (has_exact_reciprocal(*c, m.type.dtype)) return m.b.mul(m.x[0], m.b.constant(1 / *c, m.type));
  return std::nullopt;
}

static Simpler simplify_neg(Match& m) {
  // -(-x) = x
  if (auto neg = m.operand(0, "neg")) return neg->operands[0];
  // -(x - y) = y - x
  if (auto sub = m.operand(0, "sub")) return m.b.sub(sub->operands[1], sub->operands[0]);
  // -(x * c) = x * -c
  if (auto mul = m.operand(0, "mul")) {
    for (int i : {0, 1}) {
      std::optional<double> c = m.constant(mul->operands[i]);
      if (c) return m.b.mul(mul->operands[1 - i], m.b.constant(to_dtype(-*c, m.type.dtype), m.type));
    }
  }
  return std::nullopt;
}

static Simpler simplify_pow(Match& m) {
  ValueId x = m.x[0];
  // x^0 = 1, x^1 = x, x^2 = x x, x^3 = x x x, x^1/2 = sqrt x, x^-1/2 = 1 / sqrt x, x^-1 = 1 / x
  if (m.is_constant(1, 0)) return m.b.constant(1, m.type);
  if (m.is_constant(1, 1)) return x;
  if (m.is_constant(1, 2)) return m.b.mul(x, x);
  if (m.is_constant(1, 3)) return m.b.mul(m.b.mul(x, x), x);
  if (m.is_constant(1, 0.5)) return m.b.unary("sqrt", x);
  if (m.is_constant(1, -0.5)) return m.b.unary("rsqrt", x);
  if (m.is_constant(1, -1)) return m.b.div(m.b.constant(1, m.type), x);
  return std::nullopt;
}

static Simpler simplify_select(Match& m) {
  // (c ? x : x) = x
  if (m.x[1] == m.x[2]) return m.x[1];
  // (true ? x : y) = x, (false ? x : y) = y
  if (auto c = m.constant(m.x[0])) return m.x[*c != 0 ? 1 : 2];
  // (not c ? x : y) = (c ? y : x)
  if (auto negated = m.operand(0, "not")) return m.b.select(negated->operands[0], m.x[2], m.x[1]);
  return std::nullopt;
}

static Simpler simplify_logic(Match& m) {
  if (m.is("not")) {
    // not not x = x
    auto inner = m.operand(0, "not");
    return inner ? Simpler(inner->operands[0]) : std::nullopt;
  }
  for (int i : {0, 1}) {
    // x and true = x, x or false = x
    if (m.is_constant(1 - i, m.is("and") ? 1 : 0)) return m.x[i];
    // x and false = false, x or true = true
    if (m.is_constant(1 - i, m.is("and") ? 0 : 1)) return m.x[1 - i];
  }
  return std::nullopt;
}

// Every value of `from` is one of `to`.
static bool holds_all(DType to, DType from) {
  if (to == from || from == DType::Bool) return true;
  if (to == DType::F64) return from != DType::I64;
  if (to == DType::F32) return from == DType::U8 || is_half(from);
  if (is_half(to)) return from == DType::U8;
  if (to == DType::I64) return from == DType::U8 || from == DType::I32;
  return to == DType::I32 && from == DType::U8;
}

static Simpler simplify_cast(Match& m) {
  // x as its own dtype = x
  if (m.type_of(0) == m.type) return m.x[0];
  // (x as wider) as dtype = x as dtype
  auto inner = m.operand(0, "cast");
  if (inner && holds_all(m.type_of(0).dtype, m.b.type(inner->operands[0]).dtype)) {
    return m.b.cast(inner->operands[0], m.type.dtype);
  }
  return std::nullopt;
}

// f(c, d, ...) is a constant
static Simpler fold_constants(Match& m) {
  std::vector<double> numbers;
  for (ValueId operand : m.x) {
    std::optional<double> number = m.constant(operand);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  if (numbers.empty()) return std::nullopt;
  double value = element_of(std::get<Elementwise>(m.op.def->body), numbers, m.b.type(m.x.back()).dtype, m.type.dtype);
  constexpr double kExactIntegers = 0x1p53;
  if (is_integer(m.type.dtype) && std::fabs(value) > kExactIntegers) return std::nullopt;
  return m.b.constant(value, m.type);
}

// f(broadcast x, broadcast y, c) = broadcast f(x, y, c), where the broadcasts are alike
static Simpler hoist_broadcast(Match& m) {
  std::optional<Op> like;
  for (size_t i = 0; i < m.x.size(); ++i) {
    if (m.constant(m.x[i])) continue;
    auto broadcast = m.operand(i, "broadcast");
    if (!broadcast) return std::nullopt;
    if (like && (attr_ints(like->attrs, "dims") != attr_ints(broadcast->attrs, "dims"))) return std::nullopt;
    if (!like) like = broadcast;
  }
  if (!like) return std::nullopt;
  std::vector<ValueId> inner;
  Shape small = m.b.type(like->operands[0]).shape;
  for (size_t i = 0; i < m.x.size(); ++i) {
    std::optional<double> c = m.constant(m.x[i]);
    inner.push_back(c ? m.b.constant(*c, Type{DType(m.type_of(i).dtype), small})
                      : m.operand(i, "broadcast")->operands[0]);
  }
  ValueId value = m.b.op(m.op.def->name, std::move(inner), m.op.attrs);
  return m.b.broadcast(value, m.type.shape, attr_ints(like->attrs, "dims"));
}

Simpler simplify_arithmetic(Match& m) {
  // A copy is there for its memory.
  if (!std::holds_alternative<Elementwise>(m.op.def->body) || m.is("copy")) return std::nullopt;
  // No gradient is left to be stopped.
  if (m.is("stop_gradient")) return m.x[0];
  if (Simpler folded = fold_constants(m)) return folded;
  Simpler simpler;
  if (m.is("add")) simpler = simplify_add(m);
  if (m.is("sub")) simpler = simplify_sub(m);
  if (m.is("mul")) simpler = simplify_mul(m);
  if (m.is("div")) simpler = simplify_div(m);
  if (m.is("neg")) simpler = simplify_neg(m);
  if (m.is("pow")) simpler = simplify_pow(m);
  if (m.is("select")) simpler = simplify_select(m);
  if (m.is("cast")) simpler = simplify_cast(m);
  if (m.is("and") || m.is("or") || m.is("not")) simpler = simplify_logic(m);
  return simpler ? simpler : hoist_broadcast(m);
}

}  // namespace tarn
