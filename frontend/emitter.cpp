// Arguments, alignment of dimensions, elementwise operations.
#include "frontend/emitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "frontend/fold.h"

namespace tarn {

Builder& Emitter::at() {
  Location location = session_.sources().locate(session_.user_span);
  location.path = path;
  builder_.set_location(std::move(location));
  return builder_;
}

Term Emitter::tensor(ValueId value, std::vector<Axis> axes, int64_t classes) {
  Term term;
  term.kind = TermKind::Tensor;
  term.owner = &func();
  term.value = value;
  term.dtype = func().type(value).dtype;
  term.axes = std::move(axes);
  term.classes = classes;
  return term;
}

Term Emitter::weak(ValueId value) {
  Term term = tensor(value, {});
  term.weak = true;
  return term;
}

Axis Emitter::fresh_axis(int64_t size, std::string name, Span origin) {
  return {size, std::move(name), session_.next_identity++, 0, false, origin, "", ""};
}

Axis Emitter::fresh_batch_axis() {
  Axis axis = fresh_axis(batch, "B");
  axis.inner = 1;
  return axis;
}

Term Emitter::argument(const std::string& name, Role role, DType dtype, std::vector<Axis> axes, double initial) {
  // By role too: names that clash are reported, and what is made of them goes on for the sake of further messages.
  std::pair key{role, name};
  auto found = arguments_.find(key);
  if (found != arguments_.end()) return found->second;
  Shape shape = shape_of(axes);
  Term term = tensor(builder_.argument({dtype, shape}, name, role, initial), std::move(axes));
  arguments_.emplace(std::move(key), term);
  return term;
}

ValueId Emitter::integer_argument(const std::string& name, Role role) {
  return argument(name, role, DType::I64, {}).value;
}

Term Emitter::number_argument(const std::string& name, Role role) {
  ValueId value = integer_argument(name, role);
  std::pair key{role, name + " as f64"};  // no argument can be called that
  auto found = arguments_.find(key);
  if (found == arguments_.end()) found = arguments_.emplace(key, weak(at().cast(value, DType::F64))).first;
  return found->second;
}

Term Emitter::batch_axis_rows(int64_t size) {
  return arithmetic("mul", "*", count(), integer_term(size / batch), {});
}

static bool fits(const Axis& a, const Axis& b) {
  return a.stretches || b.stretches || (a.size == b.size && a.inner == b.inner);
}

// Looks for each dimension of `small` at a place of `large` that `is_same` accepts; it must be the only one.
template <typename IsSame>
static std::optional<std::vector<int64_t>> find_axes(const std::vector<Axis>& small, const std::vector<Axis>& large,
                                                     IsSame is_same) {
  std::vector<int64_t> places;
  for (const Axis& axis : small) {
    int64_t place = -1;
    for (size_t i = 0; i < large.size(); ++i) {
      if (!is_same(axis, large[i])) continue;
      if (place >= 0) return std::nullopt;
      place = static_cast<int64_t>(i);
    }
    if (place < 0 || !fits(axis, large[static_cast<size_t>(place)])) return std::nullopt;
    if (!places.empty() && places.back() >= place) return std::nullopt;
    places.push_back(place);
  }
  return places;
}

static bool has_identity(const Axis& a, const Axis& b) {
  return a.identity != 0 && a.identity == b.identity;
}

static bool has_name(const Axis& a, const Axis& b) {
  return !a.name.empty() && a.name == b.name;
}

std::optional<std::vector<int64_t>> match_axes(const std::vector<Axis>& small, const std::vector<Axis>& large) {
  if (small.size() > large.size()) return std::nullopt;
  if (small.size() < large.size()) {
    if (auto places = find_axes(small, large, has_name)) return places;
    if (auto places = find_axes(small, large, has_identity)) return places;
  }
  std::vector<int64_t> places;
  size_t offset = large.size() - small.size();
  for (size_t i = 0; i < small.size(); ++i) {
    if (!fits(small[i], large[offset + i])) return std::nullopt;
    places.push_back(static_cast<int64_t>(offset + i));
  }
  return places;
}

// Reports a dimension of `small` whose name two dimensions of `large` have, where nothing says which of them it is: being
// the same dimension says so, unless einsum has made the two of one.
bool Emitter::is_ambiguous(const Term& small, const Term& large, Span span) {
  if (small.axes.size() >= large.axes.size()) return false;
  auto is_same = [](const Axis& a, const Axis& b) { return has_identity(a, b) && a.label == b.label; };
  if (find_axes(small.axes, large.axes, has_name) || find_axes(small.axes, large.axes, is_same)) return false;
  for (const Axis& axis : small.axes) {
    auto count = std::count_if(large.axes.begin(), large.axes.end(), [&](const Axis& a) { return has_name(axis, a); });
    if (count < 2) continue;
    Diagnostic& made = session_.error(
        span,
        fmt::format("`{}` of `{}` fits {} dimensions of `{}`", axis.name, describe(small), count, describe(large)),
        "shape.ambiguous");
    if (!made.rule.empty()) help_to_name(made, small, large, axis.name);
    return true;
  }
  return false;
}

// A function whose signature names the two apart says which is meant.
void Emitter::help_to_name(Diagnostic& made, const Term& small, const Term& large, const std::string& name) {
  auto signature = [&](const std::string& chosen) {
    int number = 0;
    auto dims = [&](const Term& term, bool is_small) {
      std::string text = std::string(dtype_name(term.dtype)) + "[";
      for (size_t i = 0; i < term.axes.size(); ++i) {
        const Axis& axis = term.axes[i];
        std::string dim = axis.name.empty() ? fmt::format("{}", axis.size) : axis.name;
        if (axis.name == name) dim = is_small ? chosen : fmt::format("{}{}", name, ++number);
        text += (i == 0 ? "" : ", ") + dim;
      }
      return text + "]";
    };
    std::string first = dims(small, true);
    return fmt::format("fn f(a: {}, b: {})", first, dims(large, false));
  };
  made.help({}, fmt::format("a function whose signature names them apart says which: `{}` or `{}`",
                            signature(name + "1"), signature(name + "2")));
}

void Emitter::note_axes(Diagnostic& diagnostic, const Term& a, const Term& b) {
  if (diagnostic.rule.empty()) return;  // already reported before
  for (const Axis& axis : a.axes) session_.note_origin(diagnostic, axis);
  for (const Axis& axis : b.axes) session_.note_origin(diagnostic, axis);
}

// The dimensions of an elementwise result; reports and returns false where a and b do not fit.
bool Emitter::join(const Term& a, const Term& b, std::string_view symbol, Span span, std::vector<Axis>& joined) {
  bool a_is_larger = a.axes.size() >= b.axes.size();
  const std::vector<Axis>& large = a_is_larger ? a.axes : b.axes;
  const std::vector<Axis>& small = a_is_larger ? b.axes : a.axes;
  if (is_ambiguous(a_is_larger ? b : a, a_is_larger ? a : b, span)) return false;
  auto places = match_axes(small, large);
  if (!places) {
    Diagnostic& made = session_.error(
        span, fmt::format("shapes do not fit: `{}` {} `{}`", describe(a), symbol, describe(b)), "shape.broadcast");
    note_axes(made, a, b);
    bool has_one = false;
    for (const Axis& axis : small) has_one = has_one || (axis.size == 1 && !axis.stretches);
    if (has_one && !made.rule.empty()) {
      made.help(
          {}, "a dimension of size 1 does not stretch by itself; one that a reduction leaves with `keep = true` does");
    }
    return false;
  }
  joined = large;
  for (size_t i = 0; i < small.size(); ++i) {
    Axis& axis = joined[static_cast<size_t>((*places)[i])];
    if (axis.stretches && !small[i].stretches) axis = small[i];
    if (axis.name.empty()) axis.name = small[i].name;
    if (!axis.origin.is_known()) axis.origin = small[i].origin;
  }
  return true;
}

// In two parts where f64, in which constants are written, does not hold it.
ValueId Emitter::integer_constant(int64_t value, const Shape& shape) {
  Builder& b = at();
  Type type{DType::I64, shape};
  auto constant = [&](int64_t part) { return b.constant(static_cast<double>(part), type); };
  constexpr int64_t kExact = int64_t{1} << 53, kPart = int64_t{1} << 32;
  if (value >= -kExact && value <= kExact) return constant(value);
  int64_t low = value & (kPart - 1);
  ValueId high = constant((value - low) / kPart), part = constant(kPart);
  ValueId upper = b.mul(high, part);
  return b.add(upper, constant(low));
}

ValueId Emitter::spread(const Term& x, DType dtype, const std::vector<Axis>& axes) {
  Shape shape = shape_of(axes);
  Builder& b = at();
  if (x.kind == TermKind::Integer && dtype == DType::I64) return integer_constant(x.integer, shape);
  if (x.is_literal()) return b.constant(x.number(), {dtype, shape});
  ValueId value = b.cast(x.value, dtype);
  auto places = match_axes(x.axes, axes);
  if (!places) return value;  // callers have joined the axes before
  Shape kept;
  std::vector<int64_t> dims;
  for (size_t i = 0; i < x.axes.size(); ++i) {
    if (x.axes[i].size != axes[static_cast<size_t>((*places)[i])].size) continue;  // a stretching 1
    kept.push_back(x.axes[i].size);
    dims.push_back((*places)[i]);
  }
  return b.broadcast(b.reshape(value, kept), shape, dims);
}

// Operations that integers have as well.
static bool takes_integers(std::string_view op) {
  static constexpr std::string_view kOps[] = {"add", "sub", "mul", "min", "max", "neg", "abs", "sign", "stop_gradient"};
  return std::find(std::begin(kOps), std::end(kOps), op) != std::end(kOps);
}

Term Emitter::unary(std::string_view op, const Term& x, Span span) {
  std::string_view symbol = op == "neg" ? "-" : op;
  if (takes_integers(op) ? !is_arithmetic(x, symbol, span) : !is_float_operand(x, symbol, span)) return {};
  if (x.is_literal()) return fold(op, {x});
  ValueId value = at().unary(op, x.value);
  return x.weak ? weak(value) : like(x, value);
}

Term Emitter::arithmetic(std::string_view op, std::string_view symbol, const Term& a, const Term& b, Span span) {
  for (const Term* x : {&a, &b}) {
    if (takes_integers(op) ? !is_arithmetic(*x, symbol, span) : !is_float_operand(*x, symbol, span)) return {};
  }
  if (a.is_literal() && b.is_literal()) return fold(op, {a, b});
  // A parameter that is switched off reads as 0: adding it costs nothing.
  bool b_is_zero = b.kind == TermKind::Integer && b.integer == 0;
  bool a_is_zero = a.kind == TermKind::Integer && a.integer == 0;
  if (b_is_zero && (op == "add" || op == "sub")) return a;
  if (a_is_zero && op == "add") return b;
  if (b.kind == TermKind::Integer && b.integer == 1 && (op == "mul" || op == "div")) return a;
  if (a.kind == TermKind::Integer && a.integer == 1 && op == "mul") return b;
  std::optional<DType> dtype = agree(a, b, symbol, span);
  if (!dtype) return {};
  if ((a.is_literal() || a.weak) && (b.is_literal() || b.weak)) {
    ValueId left = scalar(a, DType::F64), right = scalar(b, DType::F64);
    return weak(at().op(op, {left, right}));
  }
  std::vector<Axis> axes;
  if (!join(a, b, symbol, span, axes)) return {};
  ValueId left = spread(a, *dtype, axes), right = spread(b, *dtype, axes);
  return tensor(at().op(op, {left, right}), axes);
}

// Small integer powers are products, whose gradients need no logarithm.
Term Emitter::power(const Term& a, const Term& b, Span span) {
  bool is_small = b.is_number() && (b.number() == 2 || b.number() == 3);
  if (!is_small || !a.is_tensor()) {
    if (a.kind == TermKind::Integer && b.kind == TermKind::Integer && b.integer >= 0) {
      double value = fold("pow", {a, b}).number();
      if (std::fabs(value) < 0x1p53) return integer_term(static_cast<int64_t>(value), a.origin);
    }
    return arithmetic("pow", "^", a, b, span);
  }
  Term square = arithmetic("mul", "^", a, a, span);
  return b.number() == 2 ? square : arithmetic("mul", "^", square, a, span);
}

Term Emitter::compare(std::string_view op, std::string_view symbol, const Term& a, const Term& b, Span span) {
  if (a.is_error() || b.is_error()) return {};
  // A text equals no number and no list, so that an option may be any of them.
  bool is_text = a.kind == TermKind::Text || b.kind == TermKind::Text;
  if (is_text && !a.is_tensor() && !b.is_tensor() && (op == "eq" || op == "ne")) {
    return bool_term((a.kind == b.kind && a.text == b.text) == (op == "eq"));
  }
  if (a.is_literal() && b.is_literal()) return fold(op, {a, b});
  for (const Term* x : {&a, &b}) {
    if (x->is_tensor() || x->is_literal()) continue;
    session_.error(span, fmt::format("`{}` compares numbers or tensors, but this is {}", symbol, describe(*x)),
                   "type.mismatch");
    return {};
  }
  std::optional<DType> dtype = agree(a, b, symbol, span);
  bool is_equality = op == "eq" || op == "ne";
  if (dtype == DType::Bool && !is_equality) is_arithmetic(a.is_tensor() ? a : b, symbol, span);
  std::vector<Axis> axes;
  if (!dtype || (dtype == DType::Bool && !is_equality) || !join(a, b, symbol, span, axes)) return {};
  bool is_weak = (a.is_literal() || a.weak) && (b.is_literal() || b.weak);
  ValueId left = spread(a, *dtype, axes), right = spread(b, *dtype, axes);
  ValueId value = at().op(op, {left, right});
  return is_weak ? weak(value) : tensor(value, axes);
}

Term Emitter::logic(std::string_view op, const Term& a, const Term& b, Span span) {
  if (a.is_error() || b.is_error()) return {};
  for (const Term* x : {&a, &b}) {
    if (x->kind == TermKind::Bool || (x->is_tensor() && x->dtype == DType::Bool)) continue;
    session_.error(span, fmt::format("`{}` joins truth values, but this is {}", op, describe(*x)), "type.mismatch");
    return {};
  }
  if (a.is_literal() && b.is_literal()) return bool_term(op == "and" ? a.integer && b.integer : a.integer || b.integer);
  std::vector<Axis> axes;
  if (!join(a, b, op, span, axes)) return {};
  ValueId left = spread(a, DType::Bool, axes), right = spread(b, DType::Bool, axes);
  ValueId value = at().op(op, {left, right});
  return (a.is_literal() || a.weak) && (b.is_literal() || b.weak) ? weak(value) : tensor(value, axes);
}

Term Emitter::select(const Term& condition, const Term& a, const Term& b, Span span) {
  if (condition.is_error() || a.is_error() || b.is_error()) return {};
  bool is_labels = a.is_tensor() && b.is_tensor() && a.classes > 0 && a.classes == b.classes;
  bool is_truth = (a.is_tensor() ? a.dtype : b.dtype) == DType::Bool && (a.is_tensor() || b.is_tensor());
  for (const Term* x : {&a, &b}) {
    if (!is_labels && !is_truth && !is_arithmetic(*x, "select", span)) return {};
  }
  if (condition.kind == TermKind::Bool) return condition.integer ? a : b;
  if (!condition.is_tensor() || condition.dtype != DType::Bool) {
    session_.error(span,
                   fmt::format("the first argument of `select` is a truth value, but this is {}", describe(condition)),
                   "type.mismatch");
    return {};
  }
  std::optional<DType> dtype = agree(a, b, "select", span);
  Term both = a;
  std::vector<Axis> axes;
  if (!dtype || !join(a, b, "or", span, both.axes) || !join(condition, both, "chooses", span, axes)) return {};
  bool has_scalars = (a.is_literal() || a.weak) && (b.is_literal() || b.weak);
  bool is_weak = has_scalars && condition.weak;
  if (has_scalars && !is_weak) dtype = DType::F32;
  ValueId chooser = spread(condition, DType::Bool, axes);
  ValueId then = spread(a, *dtype, axes), other = spread(b, *dtype, axes);
  ValueId value = at().select(chooser, then, other);
  return is_weak ? weak(value) : tensor(value, axes, is_labels ? a.classes : 0);
}

uint32_t stream_of(std::string_view path) {
  uint32_t hash = 2166136261u;  // FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
  for (char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

}  // namespace tarn
