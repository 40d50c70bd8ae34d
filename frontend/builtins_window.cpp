// Builtins that surround dimensions, turn them round and slide along them: pad, flip, windows; and pairs of sizes.
#include <fmt/format.h>

#include <cmath>

#include "frontend/builtins.h"
#include "frontend/evaluator.h"

namespace tarn {

static constexpr int64_t kLargest = 1 << 20;  // beyond any window or padding

// The integer that argument `place` is, `fallback` where it is not given; reports what is no integer from `least` on.
static std::optional<int64_t> integer_of(Evaluator& e, const BuiltinCall& call, size_t place, int64_t fallback,
                                         int64_t least) {
  if (!call.args[place]) return fallback;
  const Term& term = *call.args[place];
  if (term.is_error()) return std::nullopt;
  bool is_fit = term.kind == TermKind::Integer && term.integer >= least && term.integer <= kLargest;
  if (is_fit) return term.integer;
  std::string from = least > -kLargest ? fmt::format(" from {}", least) : "";
  e.session.error(call.span,
                  fmt::format("`{}` of `{}` is an integer{}, but this is {}", call.builtin->params[place].name,
                              call.builtin->name, from, describe(term)),
                  fmt::format("{}.C1", call.builtin->name));
  return std::nullopt;
}

// The one dimension that argument `axis` names.
static std::optional<size_t> axis_of(Evaluator& e, const BuiltinCall& call, const Term& x, size_t place) {
  if (!x.is_tensor() || x.weak) {
    e.session.error(call.span, fmt::format("`{}` takes a tensor, but this is {}", call.builtin->name, describe(x)),
                    "type.mismatch");
    return std::nullopt;
  }
  auto axes = e.find_axes(x, *call.args[place], call.span);
  if (!axes) return std::nullopt;
  if (axes->size() == 1) return (*axes)[0];
  e.session.error(call.span, fmt::format("`{}` goes along one dimension", call.builtin->name), "reduce.axis");
  return std::nullopt;
}

static Term run_pad(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  auto axis = axis_of(e, call, x, 1);
  auto before = integer_of(e, call, 2, 0, -kLargest);
  auto after = before ? integer_of(e, call, 3, *before, -kLargest) : std::nullopt;
  auto between = integer_of(e, call, 4, 0, 0);
  if (!axis || !before || !after || !between) return {};
  double value = call.args[5] && call.args[5]->is_literal() ? call.args[5]->number() : 0;
  bool is_sound = !call.args[5] || (call.args[5]->is_literal() && (*between == 0 || value == 0));
  if (is_sound && !is_float(x.dtype) && x.classes == 0 && value != std::trunc(value)) {
    e.session.error(call.span, fmt::format("`value` of `pad` is whole where `{}` is padded", describe(x)), "pad.C1");
    return {};
  }
  if (is_sound) return e.emit.pad(x, *axis, {*before, *after, *between, value}, call.span);
  e.session.error(call.span, "`value` of `pad` is a constant, and 0 where `between` is given", "pad.C1");
  return {};
}

static Term run_flip(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  auto axes = e.call_axes(call, 1, x, integer_term(-1));
  return axes && axes->size() == 1 ? e.emit.flip(x, (*axes)[0], call.span) : Term{};
}

static Term run_windows(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  auto axis = axis_of(e, call, x, 1);
  auto size = integer_of(e, call, 2, 1, 1), stride = integer_of(e, call, 3, 1, 1);
  auto dilation = integer_of(e, call, 4, 1, -kLargest);
  if (!axis || !size || !stride || !dilation) return {};
  if (*dilation == 0) {
    e.session.error(call.span, "`dilation` of `windows` is not 0", "windows.C1");
    return {};
  }
  return e.emit.windows(x, *axis, {*size, *stride, *dilation}, call.span);
}

// pair(3) and pair([3, 3]) are [3, 3]: a size for each of two dimensions.
static Term run_pair(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  Term pair;
  pair.kind = TermKind::List;
  if (x.kind == TermKind::List) pair.items = x.items;
  if (x.is_number()) pair.items = {x, x};
  bool is_fit = pair.items.size() == 2;
  for (const Term& item : pair.items) is_fit = is_fit && item.is_number();
  if (is_fit) return pair;
  e.session.error(call.span, fmt::format("a number or a list of two is needed here, but this is {}", describe(x)),
                  "pair.C1");
  return {};
}

// Whether pair(x) is two integers from `least` on: a rule of a layer says in its own words what it takes.
static Term run_is_pair(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  auto least = integer_of(e, call, 1, 1, -kLargest);
  if (!least) return {};
  auto is_fit = [&](const Term& item) { return item.kind == TermKind::Integer && item.integer >= *least; };
  bool is_list = x.kind == TermKind::List && x.items.size() == 2;
  return bool_term(is_list ? is_fit(x.items[0]) && is_fit(x.items[1]) : is_fit(x));
}

// How many entries a reduction combines into one: rows of the batch that are valid only.
static Term run_entries(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  if (!x.is_tensor() || x.weak) {
    e.session.error(call.span, fmt::format("`entries` counts those of a tensor, but this is {}", describe(x)),
                    "type.mismatch");
    return {};
  }
  auto axes = e.find_axes(x, call.args[1].value_or(text_term("all")), call.span);
  return axes ? e.emit.entries(x, *axes, call.span) : Term{};
}

void add_window_builtins(std::vector<Builtin>& table) {
  const BuiltinParam x{"x"}, axis{"axis", ArgKind::Axes};
  auto option = [](const char* name) { return BuiltinParam{name, ArgKind::Static, true}; };
  table.push_back({"pad",
                   {x, axis, option("before"), option("after"), option("between"), option("value")},
                   run_pad,
                   "a dimension with zeros before, after and between; negative numbers cut"});
  table.push_back(
      {"flip", {x, {"axis", ArgKind::Axes, true}}, run_flip, "the elements in the opposite order along a dimension"});
  table.push_back({"windows",
                   {x, axis, {"size", ArgKind::Static}, option("stride"), option("dilation")},
                   run_windows,
                   "[.., N, ..] -> [.., windows, .., size]"});
  table.push_back({"pair", {{"x", ArgKind::Static}}, run_pair, "a size for each of two dimensions"});
  table.push_back({"is_pair",
                   {{"x", ArgKind::Static}, option("least")},
                   run_is_pair,
                   "whether pair(x) is two integers from `least` = 1 on"});
  table.push_back(
      {"entries", {x, {"over", ArgKind::Axes, true}}, run_entries, "how many valid entries a reduction combines"});
}

}  // namespace tarn
