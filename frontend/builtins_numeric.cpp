// Numeric builtins made of many ops: sums and products along a dimension, sorting, the greatest k.
#include <fmt/format.h>

#include <numeric>

#include "frontend/evaluator.h"

namespace tarn {

// The one dimension that `axis` or `over` of this call names, the last one by default.
static std::optional<size_t> one_axis(Evaluator& e, BuiltinCall& call, size_t place) {
  const Term& x = *call.args[0];
  if (!x.is_tensor() || x.weak || x.axes.empty()) {
    e.session.error(call.span, fmt::format("`{}` takes a tensor, but this is {}", call.builtin->name, describe(x)),
                    "type.mismatch");
    return std::nullopt;
  }
  auto axes = e.find_axes(x, call.args[place].value_or(integer_term(-1)), call.span);
  if (!axes) return std::nullopt;
  if (axes->size() != 1 || x.axes[(*axes)[0]].is_batch()) {
    e.session.error(call.span, fmt::format("`{}` goes along one dimension, which is not the batch", call.builtin->name),
                    "reduce.axis");
    return std::nullopt;
  }
  return (*axes)[0];
}

// r[i] = x[i - by] along the axis, or `fill` before the beginning.
static ValueId shifted(Builder& b, ValueId x, size_t axis, int64_t by, double fill) {
  Shape shape = b.type(x).shape, start(shape.size(), 0), stride(shape.size(), 1), none(shape.size(), 0);
  Shape limit = shape, low = none;
  limit[axis] -= by;
  low[axis] = by;
  ValueId kept = b.op("slice", {x}, {{"start", start}, {"limit", limit}, {"stride", stride}});
  ValueId moved = b.op("pad", {kept}, {{"low", low}, {"high", none}, {"interior", none}});
  if (fill == 0) return moved;
  ValueId place =
      b.op("iota", {}, {{"axis", static_cast<int64_t>(axis)}, {"dtype", std::string("i32")}, {"shape", shape}});
  ValueId is_before = b.op("lt", {place, b.constant_like(place, static_cast<double>(by))});
  return b.select(is_before, b.constant_like(moved, fill), moved);
}

// All prefixes at once in log2(N) steps, each adding what lies 1, 2, 4, ... places before.  Hillis and Steele, 1986.
static Term run_prefixes(Evaluator& e, BuiltinCall& call, const char* op, double neutral) {
  const Term& x = *call.args[0];
  std::optional<size_t> axis = one_axis(e, call, 1);
  if (!axis || !e.emit.is_arithmetic(x, call.builtin->name, call.span)) return {};
  Builder& b = e.emit.at();
  ValueId value = x.value;
  for (int64_t by = 1; by < x.axes[*axis].size; by *= 2) {
    value = b.op(op, {value, shifted(b, value, *axis, by, neutral)});
  }
  return e.emit.like(x, value);
}

static Term run_cumsum(Evaluator& e, BuiltinCall& call) {
  return run_prefixes(e, call, "add", 0);
}
static Term run_cumprod(Evaluator& e, BuiltinCall& call) {
  return run_prefixes(e, call, "mul", 1);
}

// Where each element stands in the order along the last axis: the number of those before it, ties by place.  NaN is
// greater than any number, as NumPy and PyTorch have it.
// x[.., N] -> i32[.., N]; N^2 comparisons a row, which need no loop and no exchange.
static ValueId ranks(Builder& b, ValueId x, bool is_descending) {
  Shape shape = b.type(x).shape, pairs = shape;
  int64_t rank = static_cast<int64_t>(shape.size());
  pairs.push_back(shape.back());
  std::vector<int64_t> as_rows(shape.size()), as_columns;
  std::iota(as_rows.begin(), as_rows.end(), 0);
  as_columns = as_rows;
  as_columns.back() = rank;
  ValueId mine = b.broadcast(x, pairs, as_rows), other = b.broadcast(x, pairs, as_columns);
  auto place = [&](int64_t axis) {
    return b.op("iota", {}, {{"axis", axis}, {"dtype", std::string("i32")}, {"shape", pairs}});
  };
  ValueId is_earlier = b.op("lt", {place(rank), place(rank - 1)});
  ValueId is_before = b.op(is_descending ? "gt" : "lt", {other, mine});
  ValueId is_equal = b.op("eq", {other, mine});
  if (is_float(b.type(x).dtype)) {
    ValueId mine_is_nan = b.op("ne", {mine, mine}), other_is_nan = b.op("ne", {other, other});
    ValueId is_one_nan = is_descending
                             ? b.op("gt", {b.cast(other_is_nan, DType::I32), b.cast(mine_is_nan, DType::I32)})
                             : b.op("gt", {b.cast(mine_is_nan, DType::I32), b.cast(other_is_nan, DType::I32)});
    is_before = b.op("or", {is_before, is_one_nan});
    is_equal = b.op("or", {is_equal, b.op("and", {mine_is_nan, other_is_nan})});
  }
  ValueId is_tied = b.op("and", {is_equal, is_earlier});
  return b.sum(b.cast(b.op("or", {is_before, is_tied}), DType::I32), {rank});
}

// The first `count` in the order along `axis`: values, and where they were, as labels.
static Term ordered(Evaluator& e, const Term& input, size_t axis, int64_t count, bool is_descending, Span span) {
  std::vector<int64_t> to_last, back;
  for (size_t i = 0; i < input.axes.size(); ++i) {
    if (i != axis) to_last.push_back(static_cast<int64_t>(i));
  }
  to_last.push_back(static_cast<int64_t>(axis));
  Term x = e.emit.transpose(input, to_last);
  Builder& b = e.emit.at();
  const Shape shape = x.shape();
  int64_t rank = static_cast<int64_t>(shape.size()), size = shape.back();
  // hit[.., r, i]: element i stands at place r.
  Shape hits = shape;
  hits.back() = count;
  hits.push_back(size);
  std::vector<int64_t> dims(shape.size());
  std::iota(dims.begin(), dims.end(), 0);
  dims.back() = rank;
  ValueId place = b.op("iota", {}, {{"axis", rank - 1}, {"dtype", std::string("i32")}, {"shape", hits}});
  ValueId index = b.op("iota", {}, {{"axis", rank}, {"dtype", std::string("i32")}, {"shape", hits}});
  ValueId order = ranks(b, b.unary("stop_gradient", x.value), is_descending);
  ValueId hit = b.op("eq", {b.broadcast(order, hits, dims), place});
  auto pick = [&](ValueId from) { return b.sum(b.select(hit, from, b.constant_like(from, 0)), {rank}); };
  std::vector<Axis> axes = x.axes;
  axes.back() = e.emit.fresh_axis(count, count == size ? axes.back().name : "", span);
  Term values = e.emit.tensor(pick(b.broadcast(x.value, hits, dims)), axes);
  Term indices = e.emit.tensor(pick(index), axes, size);
  back.resize(to_last.size());
  for (size_t i = 0; i < to_last.size(); ++i) back[static_cast<size_t>(to_last[i])] = static_cast<int64_t>(i);
  Term result;
  result.kind = TermKind::Tuple;
  result.items = {e.emit.transpose(values, back), e.emit.transpose(indices, back)};
  return result;
}

static Term run_topk(Evaluator& e, BuiltinCall& call) {
  const Term& k = *call.args[1];
  std::optional<size_t> axis = one_axis(e, call, 2);
  if (!axis || !e.emit.is_arithmetic(*call.args[0], "topk", call.span)) return {};
  int64_t size = call.args[0]->axes[*axis].size;
  if (k.kind == TermKind::Integer && k.integer >= 1 && k.integer <= size) {
    return ordered(e, *call.args[0], *axis, k.integer, true, call.span);
  }
  e.session.error(call.span,
                  fmt::format("`topk` takes from 1 to {} of `{}`, not {}", size, describe(*call.args[0]), describe(k)),
                  "index.range");
  return {};
}

template <bool kIsIndices>
static Term run_sort(Evaluator& e, BuiltinCall& call) {
  std::optional<size_t> axis = one_axis(e, call, 1);
  if (!axis || !e.emit.is_arithmetic(*call.args[0], call.builtin->name, call.span)) return {};
  bool is_descending = call.args[2] && call.args[2]->is_literal() && call.args[2]->number() != 0;
  Term both = ordered(e, *call.args[0], *axis, call.args[0]->axes[*axis].size, is_descending, call.span);
  return both.items[kIsIndices ? 1 : 0];
}

void add_numeric_builtins(std::vector<Builtin>& table) {
  const BuiltinParam x{"x"}, over{"over", ArgKind::Axes, true};
  const BuiltinParam descending{"descending", ArgKind::Static, true};
  table.push_back({"cumsum", {x, over}, run_cumsum, "sums of the elements up to each one"});
  table.push_back({"cumprod", {x, over}, run_cumprod, "products of the elements up to each one"});
  table.push_back({"topk", {x, {"k", ArgKind::Static}, over}, run_topk, "the k greatest and where they are"});
  table.push_back({"sort", {x, over, descending}, run_sort<false>, "in ascending order"});
  table.push_back({"argsort", {x, over, descending}, run_sort<true>, "where the sorted elements were"});
}

}  // namespace tarn
