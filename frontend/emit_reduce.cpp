// Reductions and products.  This is the one place that knows about partial batches: wherever a batch dimension
// disappears, entries of rows past the count are replaced by the neutral element first, so that losses, statistics and
// all gradients are exact for any count.
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
    case ReduceOp::Min:
      return {"reduce_min", kInfinity};
    case ReduceOp::ArgMax:
      return {"argmax", -kInfinity};
  }
  return {"", 0};
}

Term Emitter::reduce(ReduceOp op, const Term& x, const std::vector<size_t>& axes, bool keep, Span span) {
  // Truth values are counted.
  bool counts = x.is_tensor() && x.dtype == DType::Bool && (op == ReduceOp::Sum || op == ReduceOp::Mean);
  Term number = counts ? to_float(x, span) : x;
  const char* name = op == ReduceOp::Mean ? "mean" : form_of(op).op;
  if (op == ReduceOp::Mean ? !is_float_operand(number, name, span) : !is_arithmetic(number, name, span)) return {};
  if (number.is_literal() || number.weak) {
    session_.error(span, "a tensor is reduced, but this is a number", "reduce.axis");
    return {};
  }
  ReduceForm form = form_of(op);
  std::vector<int64_t> reduced;
  std::vector<Axis> left;
  Term entries = integer_term(1);  // how many are combined into one
  for (size_t i = 0; i < x.axes.size(); ++i) {
    const Axis& axis = x.axes[i];
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      left.push_back(axis);
      continue;
    }
    reduced.push_back(static_cast<int64_t>(i));
    if (keep) left.push_back({1, axis.name, axis.identity, 0, true, axis.origin, ""});
    if (op != ReduceOp::Mean) continue;
    entries =
        arithmetic("mul", "*", entries, axis.is_batch() ? batch_axis_rows(axis.size) : integer_term(axis.size), span);
  }
  if (reduced.empty()) return number;
  ValueId value = masked(number, axes, form.neutral);
  value = at().op(form.op, {value}, {{"axes", reduced}});
  Term result = tensor(value, left);
  if (keep) result.value = at().reshape(value, result.shape());
  if (op == ReduceOp::ArgMax) result.classes = x.axes[axes[0]].size;
  return op == ReduceOp::Mean ? arithmetic("div", "mean", result, entries, span) : result;
}

// The product over one shared label, or several; `left`, `right` and `result` name the dimensions by letters.
Term Emitter::contract(const Term& a, const Term& b, const std::string& left, const std::string& right,
                       const std::string& result, Span span) {
  std::vector<size_t> summed;
  for (size_t i = 0; i < left.size(); ++i) {
    if (result.find(left[i]) == std::string::npos) summed.push_back(i);
  }
  ValueId lhs = masked(a, summed, 0);
  std::vector<Axis> axes;
  for (char label : result) {
    size_t in_left = left.find(label), in_right = right.find(label);
    Axis axis = in_left != std::string::npos ? a.axes[in_left] : b.axes[in_right];
    if (axis.stretches) axis = fresh_axis(axis.size);
    for (const Axis& other : axes) {
      if (other.identity == axis.identity) axis.identity = session_.next_identity++;
    }
    axes.push_back(axis);
  }
  Builder& builder = at();
  Result<ValueId> value = builder.try_op("contract", {lhs, b.value}, {{"spec", left + "," + right + "->" + result}});
  if (value) return tensor(*value, axes);
  session_.error(span, value.error().message, "matmul.C3");
  return {};
}

Term Emitter::matmul(const Term& a, const Term& b, Span span) {
  if (!is_float_operand(a, "@", span) || !is_float_operand(b, "@", span)) return {};
  if (a.is_literal() || b.is_literal() || a.axes.empty() || b.axes.empty()) {
    session_
        .error(span, fmt::format("`@` multiplies matrices, but its sides are `{}` and `{}`", describe(a), describe(b)),
               "matmul.C1")
        .help({}, "for a product with a number write `*`");
    return {};
  }
  if (!agree(a, b, "@", span)) return {};
  const Term &x = a, &y = b;
  const Axis& inner = x.axes.back();
  size_t inner_place = y.axes.size() >= 2 ? y.axes.size() - 2 : 0;
  const Axis& other = y.axes[inner_place];
  bool fit = inner.size == other.size && inner.inner == other.inner;
  size_t batched = y.axes.size() > 2 ? y.axes.size() - 2 : 0;
  if (batched > 0) {
    fit = fit && x.axes.size() == y.axes.size();
    for (size_t i = 0; fit && i < batched; ++i) {
      fit = x.axes[i].size == y.axes[i].size && x.axes[i].inner == y.axes[i].inner;
    }
  }
  if (!fit || x.axes.size() + y.axes.size() > 26) {
    Diagnostic& made = session_.error(
        span, fmt::format("inner dimensions differ: `{}` @ `{}`", describe(a), describe(b)), "matmul.C2");
    if (!made.rule.empty()) {
      session_.note_origin(made, inner);
      session_.note_origin(made, other);
    }
    return {};
  }
  // Letters in order of appearance: the leading ones of x, then k, then n.
  std::string leading;
  for (size_t i = 0; i + 1 < x.axes.size(); ++i) leading += static_cast<char>('a' + i);
  char k = static_cast<char>('a' + x.axes.size()), n = static_cast<char>(k + 1);
  std::string right = leading.substr(0, batched) + k, result = leading;
  if (y.axes.size() >= 2) {
    right += n;
    result += n;
  }
  return contract(x, y, leading + k, right, result, span);
}

// Sums away dimensions of x whose label is in none of `others`; their letters leave `labels`.
Term Emitter::sum_unused_labels(const Term& x, std::string& labels, const std::string& others) {
  std::vector<size_t> unused;
  std::string kept;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (others.find(labels[i]) == std::string::npos)
      unused.push_back(i);
    else
      kept += labels[i];
  }
  labels = kept;
  return unused.empty() ? x : reduce(ReduceOp::Sum, x, unused, false, {});
}

static bool has_duplicate(const std::string& labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels.find(labels[i], i + 1) != std::string::npos) return true;
  }
  return false;
}

Term Emitter::einsum(const std::string& spec, const std::vector<Term>& operands, Span span) {
  auto fail = [&](const std::string& message, const char* rule) {
    session_.error(span, message, rule);
    return Term{};
  };
  std::vector<std::string> labels(1);
  std::string result;
  bool in_result = false;
  for (size_t i = 0; i < spec.size(); ++i) {
    if (spec[i] >= 'a' && spec[i] <= 'z')
      (in_result ? result : labels.back()) += spec[i];
    else if (spec[i] == ',' && !in_result)
      labels.emplace_back();
    else if (spec.substr(i, 2) == "->" && !in_result)
      in_result = true, ++i;
    else if (spec[i] != ' ')
      return fail(fmt::format("`{}` is no einsum such as \"bk,kn->bn\"", spec), "einsum.C1");
  }
  bool is_sound = in_result && labels.size() == operands.size() && !has_duplicate(result);
  std::string all;
  for (size_t i = 0; i < labels.size() && is_sound; ++i) {
    is_sound = labels[i].size() == operands[i].axes.size() && !has_duplicate(labels[i]);
    all += labels[i];
  }
  for (char label : result) is_sound = is_sound && all.find(label) != std::string::npos;
  if (!is_sound) {
    std::string shapes;
    for (const Term& operand : operands) shapes += fmt::format("{}`{}`", shapes.empty() ? "" : ", ", describe(operand));
    return fail(fmt::format("\"{}\" does not describe {}", spec, shapes), "einsum.C1");
  }
  Term x = to_float(operands[0], span);
  if (operands.size() == 2) {
    Term y = to_float(operands[1], span);
    x = sum_unused_labels(x, labels[0], labels[1] + result);
    y = sum_unused_labels(y, labels[1], labels[0] + result);
    for (size_t i = 0; i < labels[0].size(); ++i) {
      size_t j = labels[1].find(labels[0][i]);
      if (j == std::string::npos || (x.axes[i].size == y.axes[j].size && x.axes[i].inner == y.axes[j].inner)) continue;
      Diagnostic& made = session_.error(span,
                                        fmt::format("label `{}` is {} in the first operand and {} in the second",
                                                    labels[0][i], axis_text(x.axes[i]), axis_text(y.axes[j])),
                                        "einsum.C2");
      if (!made.rule.empty()) note_axes(made, x, y);
      return {};
    }
    return contract(x, y, labels[0], labels[1], result, span);
  }
  x = sum_unused_labels(x, labels[0], result);
  std::vector<int64_t> order;
  for (char label : result) order.push_back(static_cast<int64_t>(labels[0].find(label)));
  return transpose(x, order);
}

}  // namespace tarn
