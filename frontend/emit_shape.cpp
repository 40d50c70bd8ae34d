// Operations that move elements: reshape, slices, concatenation; one-hot rows and random draws.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "frontend/emitter.h"

namespace tarn {

// Which dimension of `wanted` holds each batch dimension of x.  Element (.., row, ..) of x has stride S in row-major
// order; a dimension of stride s and size n holds it where s divides S and S * B divides s * n.
void Emitter::place_batch(const Term& x, std::vector<Axis>& wanted, Span span) {
  Shape old_strides = row_major_strides(x.shape());
  Shape sizes = shape_of(wanted);
  Shape new_strides = row_major_strides(sizes);
  for (size_t i = 0; i < x.axes.size(); ++i) {
    if (!x.axes[i].is_batch()) continue;
    int64_t stride = old_strides[i] * x.axes[i].inner;
    bool is_placed = false;
    for (size_t j = 0; j < wanted.size() && !is_placed; ++j) {
      if (wanted[j].is_batch() || stride % new_strides[j] != 0) continue;
      if ((new_strides[j] * wanted[j].size) % (stride * batch) != 0) continue;
      wanted[j].inner = stride / new_strides[j];
      is_placed = true;
    }
    if (is_placed) continue;
    session_.error(span, fmt::format("`reshape` of `{}` tears the batch dimension apart", describe(x)), "reshape.C2")
        .help({}, "keep B as a dimension of its own, or merge it whole with others, as in B*T");
    return;
  }
}

Term Emitter::reshape(const Term& x, std::vector<Axis> wanted, Span span) {
  if (x.is_error()) return {};
  if (!x.is_tensor() || x.weak) {
    session_.error(span, fmt::format("a tensor is reshaped, but this is {}", describe(x)), "type.mismatch");
    return {};
  }
  Shape sizes = shape_of(wanted);
  std::optional<int64_t> elements = checked_element_count(sizes);
  if (!elements || *elements != element_count(x.shape())) {
    std::string count = elements ? fmt::format("{}", *elements) : "too many";
    Diagnostic& made = session_.error(span,
                                      fmt::format("`{}` has {} elements, but {} has {}", describe(x),
                                                  element_count(x.shape()), shape_text(sizes), count),
                                      "reshape.C1");
    if (!made.rule.empty()) note_axes(made, x, {});
    return {};
  }
  size_t errors = session_.error_count();
  for (Axis& axis : wanted) axis.inner = 0;
  place_batch(x, wanted, span);
  if (session_.error_count() != errors) return {};
  return tensor(at().reshape(x.value, sizes), std::move(wanted), x.classes);
}

Term Emitter::flatten(const Term& x, Span span) {
  if (x.is_error()) return {};
  if (!x.is_tensor() || x.axes.empty()) {
    session_.error(span, fmt::format("`flatten` keeps the first dimension, but this is {}", describe(x)),
                   "type.mismatch");
    return {};
  }
  Axis merged = fresh_axis(1, "", x.axes.size() > 1 ? x.axes[1].origin : x.axes[0].origin);
  for (size_t i = 1; i < x.axes.size(); ++i) {
    merged.size *= x.axes[i].size;
    merged.factors += (i > 1 ? "*" : "") + fmt::format("{}", x.axes[i].size);
  }
  if (x.axes.size() <= 2) merged.factors.clear();
  return reshape(x, {x.axes[0], merged}, span);
}

static void report_row(Session& session, Span span) {
  session.error(span,
                "rows of the batch cannot be picked by their number: which ones are valid is known at run time only",
                "index.batch");
}

Term Emitter::slice(const Term& x, size_t axis, int64_t begin, int64_t end, Span span) {
  const Axis& cut = x.axes[axis];
  if (begin == 0 && end == cut.size) return x;
  if (cut.is_batch()) {
    report_row(session_, span);
    return {};
  }
  if (begin < 0 || end > cut.size || begin >= end) {
    Diagnostic& made = session_.error(
        span, fmt::format("{}..{} is outside of dimension {} of `{}`", begin, end, axis, describe(x)), "index.range");
    if (!made.rule.empty()) session_.note_origin(made, cut);
    return {};
  }
  Shape start(x.axes.size(), 0), limit = x.shape(), stride(x.axes.size(), 1);
  start[axis] = begin;
  limit[axis] = end;
  std::vector<Axis> axes = x.axes;
  axes[axis] = fresh_axis(end - begin, cut.name, span);
  return tensor(at().op("slice", {x.value}, {{"start", start}, {"limit", limit}, {"stride", stride}}), axes, x.classes);
}

Term Emitter::drop_axis(const Term& x, size_t axis, Span span) {
  if (x.is_error()) return {};
  if (x.axes[axis].is_batch()) {
    report_row(session_, span);
    return {};
  }
  if (x.axes[axis].size != 1) {
    session_.error(span, fmt::format("dimension {} of `{}` has not size 1", axis, describe(x)), "index.range");
    return {};
  }
  std::vector<Axis> axes = x.axes;
  axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(axis));
  Term result = tensor(x.value, axes, x.classes);
  result.value = at().reshape(x.value, result.shape());
  return result;
}

Term Emitter::transpose(const Term& x, const std::vector<int64_t>& order) {
  std::vector<Axis> axes;
  for (int64_t place : order) axes.push_back(x.axes[static_cast<size_t>(place)]);
  if (std::is_sorted(order.begin(), order.end())) return x;
  return tensor(at().op("transpose", {x.value}, {{"perm", order}}), axes, x.classes);
}

// Each part is padded with zeros to the whole size; their sum is the concatenation.
Term Emitter::concat(const std::vector<Term>& parts, size_t axis, Span span) {
  int64_t total = 0;
  for (const Term& part : parts) {
    bool fits = part.axes.size() == parts[0].axes.size();
    for (size_t i = 0; fits && i < part.axes.size(); ++i) {
      fits = i == axis ? !part.axes[i].is_batch()
                       : part.axes[i].size == parts[0].axes[i].size && part.axes[i].inner == parts[0].axes[i].inner;
    }
    if (!fits) {
      session_.error(span,
                     fmt::format("`concat` joins `{}` and `{}`, which differ beyond dimension {}", describe(parts[0]),
                                 describe(part), axis),
                     "concat.C1");
      return {};
    }
    total += part.axes[axis].size;
  }
  std::vector<Axis> axes = parts[0].axes;
  axes[axis] = fresh_axis(total, axes[axis].name, span);
  int64_t offset = 0;
  ValueId joined;
  bool is_bool = parts[0].dtype == DType::Bool;  // padded with zeros and added up as integers
  for (const Term& part : parts) {
    Shape low(axes.size(), 0), high(axes.size(), 0), interior(axes.size(), 0);
    low[axis] = offset;
    high[axis] = total - offset - part.axes[axis].size;
    offset += part.axes[axis].size;
    ValueId numbers = is_bool ? at().cast(part.value, DType::I32) : part.value;
    ValueId padded = at().op("pad", {numbers}, {{"low", low}, {"high", high}, {"interior", interior}});
    joined = joined.is_valid() ? at().add(joined, padded) : padded;
  }
  return tensor(is_bool ? at().cast(joined, DType::Bool) : joined, axes, parts[0].classes);
}

// result[.., c] = labels[..] == c
Term Emitter::one_hot(const Term& labels, Span span) {
  if (labels.is_error()) return {};
  if (!labels.is_tensor() || labels.classes == 0) {
    session_.error(span, fmt::format("`one_hot` takes class labels, but this is {}", describe(labels)),
                   "type.mismatch");
    return {};
  }
  std::vector<Axis> axes = labels.axes;
  axes.push_back(fresh_axis(labels.classes));
  int64_t last = static_cast<int64_t>(labels.axes.size());
  std::vector<int64_t> dims(labels.axes.size());
  std::iota(dims.begin(), dims.end(), 0);
  Term result = labels;
  result.axes = axes;
  Builder& b = at();
  ValueId wide = b.broadcast(b.cast(labels.value, DType::I32), result.shape(), dims);
  ValueId classes = b.op("iota", {}, {{"axis", last}, {"dtype", std::string("i32")}, {"shape", result.shape()}});
  return tensor(b.op("eq", {wide, classes}), axes);
}

Term Emitter::random_uniform(const std::vector<Axis>& axes, std::string_view stream_path, bool at_init) {
  Shape shape;  // in loops: drawn for all iterations at once
  for (const Loop& loop : loops_) shape.push_back(loop.time.size);
  for (const Axis& axis : axes) shape.push_back(axis.size);
  ValueId seed_value = seed();
  ValueId step_value = at_init ? at().constant(0, {DType::I64, {}}) : step();
  Attrs attrs = {{"shape", shape}, {"stream", static_cast<int64_t>(stream_of(stream_path))}};
  ValueId drawn = at().op("random_uniform", {seed_value, step_value}, std::move(attrs));
  for (Loop& loop : loops_) drawn = sequence_slice(loop, drawn);
  return tensor(drawn, axes);
}

}  // namespace tarn
