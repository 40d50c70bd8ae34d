// Builtins that index by tensors: gather, scatter_add, arange, positions.
#include <fmt/format.h>

#include "frontend/evaluator.h"

namespace tarn {

// How many first dimensions the indices share with what they index: argument `place`, 0 by default.
static std::optional<size_t> shared_dimensions(Evaluator& e, const BuiltinCall& call, size_t place) {
  if (!call.args[place]) return 0;
  const Term& given = *call.args[place];
  if (given.kind == TermKind::Integer && given.integer >= 0) return static_cast<size_t>(given.integer);
  e.session.error(
      call.span,
      fmt::format("`shared` of `{}` is a number of dimensions, but this is {}", call.builtin->name, describe(given)),
      fmt::format("{}.C2", call.builtin->name));
  return std::nullopt;
}

// gather(table, ids, axis = 0, shared = 0)
static Term run_gather(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  auto axes = e.call_axes(call, 2, x, integer_term(0));
  auto shared = shared_dimensions(e, call, 3);
  bool is_fit = axes && axes->size() == 1 && shared;
  return is_fit ? e.emit.gather(x, *call.args[1], (*axes)[0], *shared, call.span) : Term{};
}

// scatter_add(ids, updates, size = 10, axis = 0, shared = 0); labels bring the size along.
static Term run_scatter_add(Evaluator& e, BuiltinCall& call) {
  const Term &ids = *call.args[0], &updates = *call.args[1];
  auto axes = e.call_axes(call, 3, updates, integer_term(0));
  auto shared = shared_dimensions(e, call, 4);
  if (!axes || axes->size() != 1 || !shared) return {};
  int64_t size = call.args[2] && call.args[2]->kind == TermKind::Integer ? call.args[2]->integer : ids.classes;
  if (size >= 1) return e.emit.scatter_add(ids, updates, size, (*axes)[0], *shared, call.span);
  e.session.error(call.span, fmt::format("`scatter_add` by `{}` needs its argument `size`", describe(ids)), "call.args")
      .help({}, "as in `scatter_add(ids, updates, size = 10)`; labels bring theirs along");
  return {};
}

// arange(n): 0 to n-1.
static Term run_arange(Evaluator& e, BuiltinCall& call) {
  const Term& size = *call.args[0];
  if (size.kind != TermKind::Integer || size.integer < 1) {
    e.session.error(call.span, fmt::format("`arange` takes a size, but this is {}", describe(size)), "shape.size");
    return {};
  }
  Axis axis = e.emit.fresh_axis(size.integer, "", size.origin.is_known() ? size.origin : call.span);
  if (size.from_batch) axis.inner = size.integer % e.emit.batch == 0 ? size.integer / e.emit.batch : 0;
  return e.emit.positions({axis}, 0);
}

// positions(x, axis = -1): for each element of x its index along the dimension.
static Term run_positions(Evaluator& e, BuiltinCall& call) {
  const Term& x = *call.args[0];
  auto axes = e.call_axes(call, 1, x, integer_term(-1));
  return axes && axes->size() == 1 ? e.emit.positions(x.axes, (*axes)[0]) : Term{};
}

void add_index_builtins(std::vector<Builtin>& table) {
  const BuiltinParam axis{"axis", ArgKind::Axes, true}, shared{"shared", ArgKind::Static, true};
  table.push_back({"gather", {{"x"}, {"ids"}, axis, shared}, run_gather, "slices of x at the indices of ids"});
  table.push_back({"scatter_add",
                   {{"ids"}, {"updates"}, {"size", ArgKind::Static, true}, axis, shared},
                   run_scatter_add,
                   "sums of slices of updates by their index"});
  table.push_back({"arange", {{"n", ArgKind::Static}}, run_arange, "the integers from 0 to n - 1"});
  table.push_back({"positions", {{"x"}, axis}, run_positions, "the index of each element along a dimension"});
}

}  // namespace tarn
