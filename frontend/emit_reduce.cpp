// Reductions.  `masked` is what knows about partial batches: wherever a batch dimension disappears, entries of rows
// past the count are replaced by the neutral element first, so that losses, statistics and all gradients are exact for
// any count.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "frontend/emitter.h"

namespace tarn {

// row = (i / inner) % B; row i of iota(B) < count, spread over [outer, B, inner] and laid flat.
ValueId Emitter::row_mask(const Axis& axis) {
  auto [entry, is_new] = masks_.try_emplace({axis.size, axis.inner});
  if (!is_new) return entry->second;
  Builder& b = at();
  ValueId rows = b.op("iota", {}, {{"axis", int64_t{0}}, {"dtype", std::string("i32")}, {"shape", Shape{batch}}});
  ValueId count_value = b.broadcast(b.cast(integer_argument("count", Role::Count), DType::I32), {batch}, {});
  b.set_next_name("row_is_valid");
  ValueId mask = b.op("lt", {rows, count_value});
  if (axis.size != batch) {
    mask = b.broadcast(mask, {axis.size / (batch * axis.inner), batch, axis.inner}, {1});
    mask = b.reshape(mask, {axis.size});
  }
  entry->second = mask;
  return mask;
}

ValueId Emitter::masked(const Term& x, const std::vector<size_t>& axes, double neutral) {
  ValueId value = x.value;
  if (std::isinf(neutral) && x.dtype == DType::I32) neutral = neutral < 0 ? INT32_MIN : INT32_MAX;
  if (std::isinf(neutral) && x.dtype == DType::I64) neutral = neutral < 0 ? -0x1p53 : 0x1p53;  // what i64 holds exactly
  for (size_t axis : axes) {
    if (!x.axes[axis].is_batch()) continue;
    ValueId mask = row_mask(x.axes[axis]);
    Builder& b = at();
    ValueId wide = b.broadcast(mask, x.shape(), {static_cast<int64_t>(axis)});
    value = b.select(wide, value, b.constant_like(value, neutral));
  }
  return value;
}

struct ReduceForm {
  const char* op;
  double neutral;
};

static ReduceForm form_of(ReduceOp op) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (op) {
    case ReduceOp::Sum:
    case ReduceOp::Mean:
      return {"sum", 0};
    case ReduceOp::Prod:
      return {"prod", 1};
    case ReduceOp::Max:
      return {"reduce_max", -kInfinity};
    case ReduceOp::FirstMax:
      return {"reduce_first_max", -kInfinity};
    case ReduceOp::Min:
      return {"reduce_min", kInfinity};
    case ReduceOp::ArgMax:
      return {"argmax", -kInfinity};
  }
  return {"", 0};
}

Term Emitter::entries(const Term& x, const std::vector<size_t>& axes, Span span) {
  Term product = integer_term(1);
  for (size_t place : axes) {
    const Axis& axis = x.axes[place];
    Term count = axis.is_batch() ? batch_axis_rows(axis.size) : integer_term(axis.size);
    product = arithmetic("mul", "*", product, count, span);
  }
  return product;
}

Term Emitter::reduce(ReduceOp op, const Term& x, const std::vector<size_t>& axes, bool keep, Span span) {
  // Truth values are counted.
  bool counts = x.is_tensor() && x.dtype == DType::Bool && (op == ReduceOp::Sum || op == ReduceOp::Mean);
  Term number = counts ? to_float(x, span) : x;
  std::string_view name = op == ReduceOp::Mean ? "mean" : form_of(op).op;
  if (name.substr(0, 7) == "reduce_") name = op == ReduceOp::Min ? "min" : "max";
  if (op == ReduceOp::Mean ? !is_float_operand(number, name, span) : !is_arithmetic(number, name, span)) return {};
  if (number.is_literal() || number.weak) {
    session_.error(span, "a tensor is reduced, but this is a number", "reduce.axis");
    return {};
  }
  ReduceForm form = form_of(op);
  std::vector<int64_t> reduced;
  std::vector<Axis> left;
  for (size_t i = 0; i < x.axes.size(); ++i) {
    const Axis& axis = x.axes[i];
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      left.push_back(axis);
      continue;
    }
    reduced.push_back(static_cast<int64_t>(i));
    if (keep) left.push_back({1, axis.name, axis.identity, 0, true, axis.origin, "", axis.label});
  }
  if (reduced.empty()) return number;
  ValueId value = masked(number, axes, form.neutral);
  value = at().op(form.op, {value}, {{"axes", reduced}});
  Term result = tensor(value, left);
  if (keep) result.value = at().reshape(value, result.shape());
  if (op == ReduceOp::ArgMax) result.classes = x.axes[axes[0]].size;
  return op == ReduceOp::Mean ? arithmetic("div", "mean", result, entries(x, axes, span), span) : result;
}

}  // namespace tarn
