// Forms of random graphs that combine elements or move them: sums, products, views, gathers and scatters.
#include "tests/graph_maker.h"

namespace tarn {

void GraphMaker::reduce() {
  std::optional<ValueId> x = chance(0.8) ? find_float() : find_number();
  if (!x) return;
  std::vector<int64_t> axes;
  double combined = 1;
  const Shape& shape = b_->type(*x).shape;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (!chance(0.5)) continue;
    axes.push_back(static_cast<int64_t>(d));
    combined *= static_cast<double>(shape[d]);
  }
  auto [lo, hi] = interval(*x);
  double power = std::pow(std::max(1.0, interval(*x).bound()), combined);
  std::vector<std::pair<std::string_view, Interval>> kinds = {
      {"sum", {std::min(lo * combined, 0.0), std::max(hi * combined, 0.0)}},
      {"sum", {std::min(lo * combined, 0.0), std::max(hi * combined, 0.0)}},
      {"reduce_max", {lo, hi}},
      {"reduce_first_max", {lo, hi}},
      {"reduce_min", {lo, hi}},
      {"prod", {-power, power}},
      {"argmax", {0, combined}},
  };
  auto [op, range] = any(kinds);
  emit(op, {*x}, {{"axes", axes}}, range);
}

void GraphMaker::reshape() {
  std::optional<ValueId> x = find([](const Type&, Interval) { return true; });
  if (!x) return;
  Shape shape = b_->type(*x).shape;
  if (chance(0.5) && shape.size() >= 2) {  // merge two neighbours
    int at = pick(0, static_cast<int>(shape.size()) - 2);
    shape[at] *= shape[at + 1];
    shape.erase(shape.begin() + at + 1);
  } else if (shape.size() < 5) {  // split one dimension, or add one of size 1
    int at = pick(0, static_cast<int>(shape.size()));
    int64_t factor = 1;
    if (at < static_cast<int>(shape.size())) {
      for (int64_t divisor : {2, 3, 4, 5, 7}) {
        if (shape[at] > 0 && shape[at] % divisor == 0) factor = divisor;
      }
      shape[at] /= factor;
    }
    shape.insert(shape.begin() + at, factor);
  }
  emit("reshape", {*x}, {{"shape", shape}}, interval(*x));
}

void GraphMaker::transpose() {
  std::optional<ValueId> x = find([](const Type& type, Interval) { return type.rank() >= 2; });
  if (!x) return;
  std::vector<int64_t> perm(b_->type(*x).shape.size());
  for (size_t d = 0; d < perm.size(); ++d) perm[d] = static_cast<int64_t>(d);
  std::shuffle(perm.begin(), perm.end(), random_);
  emit("transpose", {*x}, {{"perm", perm}}, interval(*x));
}

void GraphMaker::broadcast() {
  std::optional<ValueId> x = find([](const Type& type, Interval) { return type.rank() <= 3; });
  if (!x) return;
  Shape shape = b_->type(*x).shape;
  std::vector<int64_t> dims(shape.size());
  for (size_t d = 0; d < dims.size(); ++d) dims[d] = static_cast<int64_t>(d);
  for (int i = pick(1, 2); i > 0; --i) {
    int at = pick(0, static_cast<int>(shape.size()));
    shape.insert(shape.begin() + at, random_size());
    for (int64_t& dim : dims) dim += dim >= at;
  }
  if (element_count(shape) > options_.max_elements) return;
  emit("broadcast", {*x}, {{"dims", dims}, {"shape", shape}}, interval(*x));
}

void GraphMaker::slice() {
  std::optional<ValueId> x = find([](const Type& type, Interval) { return type.rank() >= 1; });
  if (!x) return;
  Shape start, limit, stride;
  for (int64_t size : b_->type(*x).shape) {
    start.push_back(pick(0, static_cast<int>(std::min<int64_t>(2, size))));
    limit.push_back(pick(static_cast<int>(options_.with_empty ? start.back() : std::min(start.back() + 1, size)),
                         static_cast<int>(size)));
    if (limit.back() <= start.back() && chance(0.95)) start.back() = 0, limit.back() = size;
    stride.push_back(pick(1, 3));
    if (limit.back() > start.back() && chance(0.3)) {
      std::swap(start.back(), limit.back());
      start.back() -= 1, limit.back() -= 1, stride.back() *= -1;
    }
  }
  emit("slice", {*x}, {{"limit", limit}, {"start", start}, {"stride", stride}}, interval(*x));
}

void GraphMaker::pad() {
  std::optional<ValueId> x = chance(0.8) ? find_float() : find_number();
  if (!x) return;
  Shape low, high, interior;
  int64_t elements = 1;
  for (int64_t size : b_->type(*x).shape) {
    low.push_back(pick(0, 2));
    high.push_back(pick(0, 2));
    interior.push_back(chance(0.3) ? pick(1, 2) : 0);
    elements *= low.back() + high.back() + size + std::max<int64_t>(size - 1, 0) * interior.back();
  }
  if (elements > options_.max_elements) return;
  auto [lo, hi] = interval(*x);
  emit("pad", {*x}, {{"high", high}, {"interior", interior}, {"low", low}}, {std::min(lo, 0.0), std::max(hi, 0.0)});
}

void GraphMaker::window() {
  std::optional<ValueId> x = find([](const Type& type, Interval) { return type.rank() >= 1 && type.rank() <= 4; });
  if (!x) return;
  Interval range = interval(*x);
  Shape shape = b_->type(*x).shape;
  if (shape.size() < 2 || chance(0.7)) {
    std::vector<int64_t> dims(shape.size());
    for (size_t d = 0; d < dims.size(); ++d) dims[d] = static_cast<int64_t>(d);
    shape.push_back(pick(1, 4));
    if (element_count(shape) > options_.max_elements) return;
    x = remember(b_->broadcast(*x, shape, dims), range);
  }
  int last = static_cast<int>(shape.size()) - 1;
  int64_t tap = chance(0.7) ? last : pick(0, last), axis = pick(0, last), stride = pick(1, 3);
  int64_t dilation = pick(-2, 3), reach = dilation * std::max<int64_t>(0, shape[tap] - 1);
  int64_t first = std::max<int64_t>(0, -reach) + (chance(0.3) ? 1 : 0);
  int64_t free = shape[axis] - 1 - first - std::max<int64_t>(0, reach);
  if (free < 0) return;
  int64_t size = free / stride + 1;
  if (chance(0.2)) size = pick(1, static_cast<int>(size));
  emit("window", {*x},
       {{"axis", axis}, {"tap", tap}, {"stride", stride}, {"dilation", dilation}, {"offset", first}, {"size", size}},
       range);
}

void GraphMaker::convolution() {
  std::optional<ValueId> x =
      find([](const Type& type, Interval) { return is_float(type.dtype) && type.rank() >= 2 && type.rank() <= 4; });
  if (!x) return;
  Shape shape = b_->type(*x).shape, low(shape.size(), 0), high = low, interior = low;
  double bound = interval(*x).bound();
  int sliding = pick(1, static_cast<int>(std::min<size_t>(2, shape.size() - 1)));
  std::string labels = std::string("abcd").substr(0, shape.size()), taps, result = labels;
  Shape weights = {pick(1, 3)};
  for (size_t d = shape.size() - static_cast<size_t>(sliding); d < shape.size(); ++d) {
    low[d] = pick(0, 2), high[d] = pick(0, 2), interior[d] = chance(0.1) ? 1 : 0;
    weights.push_back(pick(1, 3));
    taps += static_cast<char>('r' + taps.size());
  }
  ValueId padded = b_->op("pad", {*x}, {{"high", high}, {"interior", interior}, {"low", low}});
  for (size_t i = 0; i < taps.size(); ++i) {
    Shape wide = b_->type(padded).shape;
    std::vector<int64_t> dims(wide.size());
    for (size_t d = 0; d < dims.size(); ++d) dims[d] = static_cast<int64_t>(d);
    auto axis = static_cast<int64_t>(shape.size() - taps.size() + i);
    int64_t dilation = pick(1, 2), stride = pick(1, 2);
    int64_t free = wide[axis] - 1 - dilation * (weights[i + 1] - 1);
    wide.push_back(weights[i + 1]);
    if (free < 0 || element_count(wide) > options_.max_elements) return;
    Attrs attrs = {{"axis", axis},         {"tap", static_cast<int64_t>(dims.size())},
                   {"stride", stride},     {"dilation", dilation},
                   {"offset", int64_t{0}}, {"size", free / stride + 1}};
    padded = b_->op("window", {b_->broadcast(padded, wide, dims)}, std::move(attrs));
  }
  std::string rhs = "f" + taps;
  if (labels.size() > taps.size() && chance(0.7)) {  // channels
    weights.push_back(shape[0]);
    rhs += labels[0];
    if (chance(0.8)) result.erase(0, 1);
  }
  double summed = static_cast<double>(element_count(weights));
  result += 'f';
  if (element_count(weights) > options_.max_elements || summed * bound * 2 > kLargest) return;
  bound *= summed * 2;
  emit("contract", {padded, new_argument(weights, b_->type(*x).dtype)},
       {{"spec", labels + taps + "," + rhs + "->" + result}}, {-bound, bound});
}

void GraphMaker::contract() {
  std::optional<ValueId> x = find([](const Type& type, Interval) { return is_float(type.dtype) && type.rank() <= 5; });
  if (!x) return;
  const Shape shape = b_->type(*x).shape;
  const DType dtype = b_->type(*x).dtype;
  std::string lhs, rhs, result;
  Shape rhs_shape;
  double summed = 1;
  int64_t elements = 1;
  for (size_t d = 0; d < shape.size(); ++d) {
    char label = static_cast<char>('a' + d);
    lhs += label;
    bool shared = chance(0.5), kept = !shared || chance(0.3);
    if (shared) rhs += label;
    if (kept) result += label, elements *= shape[d];
    if (shared && !kept) summed *= static_cast<double>(shape[d]);
  }
  std::map<char, int64_t> fresh;
  for (int i = pick(0, 2); i > 0; --i) {
    char label = static_cast<char>('m' + i);
    fresh[label] = random_size();
    rhs += label, result += label, elements *= fresh[label];
  }
  if (result.size() > 5) return;
  std::shuffle(rhs.begin(), rhs.end(), random_);
  std::shuffle(result.begin(), result.end(), random_);
  for (char label : rhs) rhs_shape.push_back(fresh.contains(label) ? fresh[label] : shape[label - 'a']);
  if (elements > options_.max_elements || element_count(rhs_shape) > options_.max_elements) return;
  std::optional<ValueId> y = find([&](const Type& type, Interval) { return type == Type{dtype, rhs_shape}; });
  if (!y || chance(0.2)) y = new_argument(rhs_shape, dtype);
  double bound = summed * interval(*x).bound() * interval(*y).bound();
  bool swapped = chance(0.3);
  if (swapped) std::swap(*x, *y), std::swap(lhs, rhs);
  emit("contract", {*x, *y}, {{"spec", lhs + "," + rhs + "->" + result}}, {-bound, bound});
}

void GraphMaker::order() {
  std::optional<ValueId> x = find([](const Type& type, Interval) {
    return is_float(type.dtype) && type.rank() >= 1 && type.rank() <= 2 && type.shape.back() <= 17;
  });
  if (!x) return;
  Shape shape = b_->type(*x).shape, square = shape;
  square.push_back(shape.back());
  if (element_count(square) > options_.max_elements) return;
  std::vector<int64_t> rows, columns;
  for (int64_t d = 0; d < static_cast<int64_t>(shape.size()); ++d) rows.push_back(d), columns.push_back(d);
  ++columns.back();
  ValueId less = b_->op("lt", {b_->broadcast(*x, square, columns), b_->broadcast(*x, square, rows)});
  int64_t last = static_cast<int64_t>(shape.size());
  ValueId rank = b_->op("sum", {b_->cast(less, DType::I32)}, {{"axes", std::vector<int64_t>{last}}});
  remember(rank, {0, static_cast<double>(shape.back())});
  if (shape.size() == 1) emit("gather", {*x, rank}, {{"axis", int64_t{0}}, {"shared", int64_t{0}}}, interval(*x));
}

ValueId GraphMaker::indices(const Shape& shared) {
  std::optional<ValueId> old = find([&](const Type& type, Interval) {
    bool fits = type.rank() >= static_cast<int64_t>(shared.size()) && type.rank() <= 2;
    return is_index(type.dtype) && fits && std::equal(shared.begin(), shared.end(), type.shape.begin());
  });
  if (old && chance(0.5)) return *old;
  Shape shape = shared;
  while (shape.size() < 2 && chance(0.6)) shape.push_back(random_size());
  return new_argument(shape, chance(0.5) ? DType::I32 : DType::I64);
}

void GraphMaker::gather() {
  std::optional<ValueId> x = find([](const Type& type, Interval) { return type.rank() >= 1 && type.rank() <= 4; });
  if (!x) return;
  Type type = b_->type(*x);
  int64_t axis = pick(0, static_cast<int>(type.rank()) - 1), size = type.shape[static_cast<size_t>(axis)];
  int64_t shared = pick(0, static_cast<int>(std::min<int64_t>(axis, 2)));
  ValueId positions = indices({type.shape.begin(), type.shape.begin() + shared});
  if (type.elements() / std::max<int64_t>(size, 1) * b_->type(positions).elements() > options_.max_elements) return;
  auto [lo, hi] = interval(*x);
  emit("gather", {*x, positions}, {{"axis", axis}, {"shared", shared}}, {std::min(lo, 0.0), std::max(hi, 0.0)});
}

void GraphMaker::scatter() {
  ValueId positions = indices({});
  Shape shape = b_->type(positions).shape;
  int64_t shared = pick(0, static_cast<int>(shape.size())), axis = shared + pick(0, 1);
  int64_t size = chance(0.5) ? 10 : random_size();
  double count = static_cast<double>(element_count(shape));
  if (axis > shared) shape.insert(shape.begin() + shared, random_size());
  if (chance(0.7)) shape.push_back(random_size());
  int64_t largest = element_count(shape) * std::max<int64_t>(size, 1);
  if (largest > 4 * options_.max_elements) return;
  DType dtype = chance(0.8) ? float_type() : DType::I32;
  std::optional<ValueId> updates = find([&](const Type& type, Interval) { return type == Type{dtype, shape}; });
  if (!updates) updates = new_argument(shape, dtype);
  double bound = count * interval(*updates).bound();
  emit("scatter_add", {positions, *updates}, {{"axis", axis}, {"shared", shared}, {"size", size}}, {-bound, bound});
}

}  // namespace tarn
