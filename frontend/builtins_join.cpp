// Builtins that join tensors and take them apart: concat, stack, split.
#include <fmt/format.h>

#include "frontend/builtins.h"
#include "frontend/evaluator.h"

namespace tarn {

// What is joined: concat(a, b), or a list or tuple as its one argument, concat([a, b]).
static std::vector<Term> parts_of(const BuiltinCall& call) {
  const Term& first = *call.args[0];
  bool is_group = first.kind == TermKind::List || first.kind == TermKind::Tuple;
  if (is_group && call.rest.empty() && !first.items.empty()) return first.items;
  std::vector<Term> parts = {first};
  parts.insert(parts.end(), call.rest.begin(), call.rest.end());
  return parts;
}

// Whether the parts are tensors of one element type and, for labels, of one number of classes.
static bool are_joinable(Evaluator& e, const BuiltinCall& call, const std::vector<Term>& parts) {
  const char* name = call.builtin->name;
  for (const Term& part : parts) {
    if (part.is_error()) return false;
    if (!part.is_tensor() || part.weak) {
      e.session.error(call.span,
                      fmt::format("`{}` joins tensors, but one of its arguments is {}", name, describe(part)),
                      fmt::format("{}.C1", name));
      return false;
    }
    if (part.dtype == parts[0].dtype && part.classes == parts[0].classes) continue;
    if (part.classes == 0 && parts[0].classes == 0) {
      e.emit.agree(parts[0], part, name, call.span);
    } else {
      e.session.error(
          call.span,
          fmt::format("`{}` joins `{}` and `{}`, which are not of one type", name, describe(parts[0]), describe(part)),
          "type.mismatch");
    }
    return false;
  }
  return true;
}

static Term run_concat(Evaluator& e, BuiltinCall& call) {
  std::vector<Term> parts = parts_of(call);
  if (!are_joinable(e, call, parts)) return {};
  auto axes = e.call_axes(call, 1, parts[0], integer_term(-1));
  return axes && axes->size() == 1 ? e.emit.concat(parts, (*axes)[0], call.span) : Term{};
}

// split(x, 4) cuts the last dimension into 4; split(x, axis = 2) takes a dimension apart into as many tensors.
static Term run_split(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  auto axes = e.call_axes(call, 2, x, integer_term(-1));
  if (!axes || axes->size() != 1) return {};
  size_t axis = (*axes)[0];
  int64_t size = x.axes[axis].size, parts = call.args[1] ? call.args[1]->integer : size;
  if (parts < 1 || size % parts != 0 || parts > 1000) {
    e.session.error(call.span,
                    fmt::format("dimension {} of `{}` does not divide into {} parts", axis, describe(x), parts),
                    "split.C1");
    return {};
  }
  Term result;
  result.kind = TermKind::Tuple;
  for (int64_t i = 0; i < parts; ++i) {
    int64_t width = size / parts;
    Term part = e.emit.slice(x, axis, i * width, (i + 1) * width, call.span);
    if (!part.is_error() && !call.args[1]) part = e.emit.drop_axis(part, axis, call.span);
    if (part.is_error()) return {};
    result.items.push_back(std::move(part));
  }
  return result;
}

static Term run_stack(Evaluator& e, BuiltinCall& call) {
  std::vector<Term> parts = parts_of(call);
  if (!are_joinable(e, call, parts)) return {};
  for (const Term& part : parts) {
    if (part.shape() == parts[0].shape()) continue;
    e.session.error(
        call.span,
        fmt::format("`stack` joins tensors of one shape, but has {} and {}", describe(parts[0]), describe(part)),
        "stack.C1");
    return {};
  }
  auto rank = static_cast<int64_t>(parts[0].axes.size());
  int64_t axis = -1;
  if (call.args[1]) axis = call.args[1]->kind == TermKind::Integer ? call.args[1]->integer : rank + 1;
  if (axis < 0) axis += rank + 1;
  if (axis >= 0 && axis <= rank) return e.emit.stack(parts, static_cast<size_t>(axis), call.span);
  e.session.error(call.span, fmt::format("`axis` of `stack` is the place of the new dimension, from 0 to {}", rank),
                  "stack.C1");
  return {};
}

void add_join_builtins(std::vector<Builtin>& table) {
  const BuiltinParam x{"x"}, axis{"axis", ArgKind::Axes, true};
  table.push_back({"concat", {x, axis}, run_concat, "tensors joined along a dimension", true});
  table.push_back({"stack", {x, axis}, run_stack, "tensors joined along a new dimension", true});
  table.push_back({"split", {x, {"parts", ArgKind::Static, true}, axis}, run_split, "a tuple of slices"});
}

}  // namespace tarn
