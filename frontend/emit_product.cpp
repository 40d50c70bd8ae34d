// Products summed over dimensions: `@` and einsum, as contracts of two; pass contract_order then chooses their order.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/emitter.h"

namespace tarn {

static bool has(const std::string& labels, char label) {
  return labels.find(label) != std::string::npos;
}

// The product over one shared label, or several; `left`, `right` and `result` name the dimensions by letters.
Term Emitter::contract(const Term& a, const Term& b, const std::string& left, const std::string& right,
                       const std::string& result, Span span) {
  std::vector<size_t> summed;
  for (size_t i = 0; i < left.size(); ++i) {
    if (!has(result, left[i])) summed.push_back(i);
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

// Dimensions of the two sides of `@`, by letters: those before the last two of both are matched as elementwise
// operations match them (the smaller list fits into the larger), then come the rows of x, k, the columns of y.
static bool matmul_labels(const std::vector<Axis>& x, const std::vector<Axis>& y, std::string& left, std::string& right,
                          std::string& result) {
  bool is_batched = y.size() > 2;
  std::vector<Axis> x_batch(x.begin(),
                            x.begin() + static_cast<std::ptrdiff_t>(is_batched && x.size() > 2 ? x.size() - 2 : 0));
  std::vector<Axis> y_batch(y.begin(), y.begin() + static_cast<std::ptrdiff_t>(is_batched ? y.size() - 2 : 0));
  bool x_is_larger = x_batch.size() >= y_batch.size();
  auto places = x_is_larger ? match_axes(y_batch, x_batch) : match_axes(x_batch, y_batch);
  const Axis &inner = x.back(), &other = y[y.size() >= 2 ? y.size() - 2 : 0];
  if (!places || inner.size != other.size || inner.inner != other.inner || x.size() + y.size() > 24) return false;
  std::string batch, small;
  for (size_t i = 0; i < std::max(x_batch.size(), y_batch.size()); ++i) batch += static_cast<char>('a' + i);
  for (int64_t place : *places) small += batch[static_cast<size_t>(place)];
  left = x_is_larger ? batch : small;
  right = x_is_larger ? small : batch;
  result = batch;
  char next = static_cast<char>('a' + batch.size());
  for (size_t i = x_batch.size(); i + 1 < x.size(); ++i, ++next) left += next, result += next;
  left += next;
  right += next++;
  if (y.size() >= 2) right += next, result += next;
  return true;
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
  std::string left, right, result;
  if (matmul_labels(a.axes, b.axes, left, right, result)) return contract(a, b, left, right, result, span);
  const Axis &inner = a.axes.back(), &other = b.axes[b.axes.size() >= 2 ? b.axes.size() - 2 : 0];
  bool is_inner = inner.size != other.size || inner.inner != other.inner;
  Diagnostic& made = session_.error(
      span, fmt::format("{} dimensions differ: `{}` @ `{}`", is_inner ? "inner" : "leading", describe(a), describe(b)),
      "matmul.C2");
  if (made.rule.empty()) return {};
  if (is_inner) {
    session_.note_origin(made, inner);
    session_.note_origin(made, other);
  } else {
    note_axes(made, a, b);
  }
  return {};
}

// Sums away dimensions of x whose label is in none of `others`; their letters leave `labels`.
Term Emitter::sum_unused_labels(const Term& x, std::string& labels, const std::string& others) {
  std::vector<size_t> unused;
  std::string kept;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (has(others, labels[i])) {
      kept += labels[i];
    } else {
      unused.push_back(i);
    }
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

// "bk,kn->bn" to the labels of each operand and of the result; false where it is malformed.
static bool parse_einsum(const std::string& spec, std::vector<std::string>& labels, std::string& result) {
  labels.assign(1, "");
  bool in_result = false;
  for (size_t i = 0; i < spec.size(); ++i) {
    if (spec[i] >= 'a' && spec[i] <= 'z') {
      (in_result ? result : labels.back()) += spec[i];
    } else if (spec[i] == ',' && !in_result) {
      labels.emplace_back();
    } else if (spec.substr(i, 2) == "->" && !in_result) {
      in_result = true;
      ++i;
    } else if (spec[i] != ' ') {
      return false;
    }
  }
  return in_result;
}

// Whether each label has one size; reports where not.
bool Emitter::labels_agree(const std::vector<std::string>& labels, const std::vector<Term>& operands, Span span) {
  std::map<char, size_t> first;
  for (size_t i = 0; i < labels.size(); ++i) {
    for (size_t d = 0; d < labels[i].size(); ++d) {
      char label = labels[i][d];
      size_t before = first.emplace(label, i).first->second;
      const Axis &here = operands[i].axes[d], &there = operands[before].axes[labels[before].find(label)];
      if (here.size == there.size && here.inner == there.inner) continue;
      Diagnostic& made = session_.error(span,
                                        fmt::format("label `{}` is {} in operand {} and {} in operand {}", label,
                                                    axis_text(there), before + 1, axis_text(here), i + 1),
                                        "einsum.C2");
      if (!made.rule.empty()) note_axes(made, operands[before], operands[i]);
      return false;
    }
  }
  return true;
}

Term Emitter::einsum(const std::string& spec, const std::vector<Term>& operands, Span span) {
  auto fail = [&](const std::string& message, const char* rule) {
    session_.error(span, message, rule);
    return Term{};
  };
  std::vector<std::string> labels;
  std::string result, all;
  if (!parse_einsum(spec, labels, result)) {
    return fail(fmt::format("`{}` is no einsum such as \"bk,kn->bn\"", spec), "einsum.C1");
  }
  bool is_sound = labels.size() == operands.size() && !has_duplicate(result);
  for (size_t i = 0; i < labels.size() && is_sound; ++i) {
    is_sound = labels[i].size() == operands[i].axes.size() && !has_duplicate(labels[i]);
    all += labels[i];
  }
  for (char label : result) is_sound = is_sound && has(all, label);
  if (!is_sound) {
    std::string shapes;
    for (const Term& operand : operands) shapes += fmt::format("{}`{}`", shapes.empty() ? "" : ", ", describe(operand));
    return fail(fmt::format("\"{}\" does not describe {}", spec, shapes), "einsum.C1");
  }
  std::vector<Term> factors;
  for (const Term& operand : operands) {
    if (!is_float_operand(operand, "einsum", span) || !agree(operands[0], operand, "einsum", span)) return {};
    factors.push_back(operand);
  }
  if (!labels_agree(labels, factors, span)) return {};
  Term product = multiply_labels(std::move(factors), std::move(labels), result, span);
  for (size_t d = 0; d < product.axes.size(); ++d) product.axes[d].label = result.substr(d, 1);
  return product;
}

// From left to right; a label leaves as soon as no later operand and not the result has it.
Term Emitter::multiply_labels(std::vector<Term> factors, std::vector<std::string> labels, const std::string& result,
                              Span span) {
  auto others = [&](size_t own) {
    std::string text = result;
    for (size_t i = 0; i < labels.size(); ++i) text += i == own ? "" : labels[i];
    return text;
  };
  for (size_t i = 0; i < factors.size(); ++i) factors[i] = sum_unused_labels(factors[i], labels[i], others(i));
  Term product = factors[0];
  std::string left = labels[0];
  for (size_t i = 1; i < factors.size() && !product.is_error(); ++i) {
    std::string later = result, kept;
    for (size_t j = i + 1; j < factors.size(); ++j) later += labels[j];
    for (char label : left + labels[i]) {
      if (has(later, label) && !has(kept, label)) kept += label;
    }
    if (i + 1 == factors.size()) kept = result;
    product = contract(product, factors[i], left, labels[i], kept, span);
    left = kept;
  }
  if (product.is_error() || factors.size() > 1) return product;
  std::vector<int64_t> order;
  for (char label : result) order.push_back(static_cast<int64_t>(left.find(label)));
  return transpose(product, order);
}

}  // namespace tarn
