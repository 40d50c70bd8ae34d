// Grows a graph op by op; candidates that fit no value, or would leave the tracked intervals, are dropped.
#include "tests/random_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <utility>

#include "ir/builder.h"
#include "ir/contract_spec.h"
#include "ir/scan.h"

namespace tarn {
namespace {

struct Interval {
  double lo, hi;
  double bound() const { return std::max(std::fabs(lo), std::fabs(hi)); }
};
constexpr double kLargest = 1e3;

class GraphMaker {
 public:
  GraphMaker(uint64_t seed, const RandomGraphOptions& options) : random_(seed), options_(options) {
    module_.name = "random";
    module_.funcs.emplace_back();
    func_ = &module_.funcs[0];
    func_->name = "f";
    b_.emplace(*func_);
    wide_ = any(std::vector<double>{0, 0, 0, 0.3, 1});
  }

  Module make() {
    for (int i = pick(1, 3); i > 0; --i) new_argument(random_shape());
    int wanted = pick(options_.min_ops, options_.max_ops);
    for (int tries = 0; static_cast<int>(func_->ops.size()) < wanted && tries < 20 * wanted; ++tries) grow();
    add_results();
    return std::move(module_);
  }

 private:
  // --- choices ---
  int pick(int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random_); }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  double number(double lo, double hi) { return static_cast<float>(std::uniform_real_distribution<>(lo, hi)(random_)); }
  template <typename T>
  const T& any(const std::vector<T>& items) {
    return items[pick(0, static_cast<int>(items.size()) - 1)];
  }

  int64_t random_size() {
    static const std::vector<int64_t> kSizes = {1,  1,  2,  2,  3,  3,  4,  4,  5,  5,  7,  7,   8,   9,  11,
                                                13, 15, 16, 17, 19, 31, 32, 33, 63, 64, 65, 127, 128, 129};
    return options_.with_empty && chance(0.02) ? 0 : any(kSizes);
  }
  Shape random_shape() {
    static const std::vector<int> kRanks = {0, 1, 1, 2, 2, 2, 2, 3, 3, 4, 5};
    Shape shape(any(kRanks));
    do {
      for (int64_t& size : shape) size = random_size();
    } while (element_count(shape) > options_.max_elements);
    return shape;
  }

  // --- values ---
  DType float_type() { return chance(wide_) ? DType::F64 : DType::F32; }
  const Interval& interval(ValueId value) const { return intervals_.at(value.index); }
  ValueId remember(ValueId value, Interval interval) {
    intervals_[value.index] = interval;
    return value;
  }
  ValueId new_argument(Shape shape) { return new_argument(std::move(shape), float_type()); }
  ValueId new_argument(Shape shape, DType dtype) {
    if (depth_ > 0) {  // a body's arguments are its own
      double value = is_float(dtype) ? number(-2, 2) : dtype == DType::Bool ? 1 : 3;
      return remember(b_->constant(value, {dtype, std::move(shape)}), {value, value});
    }
    Interval range = is_float(dtype) ? Interval{-2, 2} : dtype == DType::Bool ? Interval{0, 1} : Interval{0, 9};
    return remember(b_->argument({dtype, std::move(shape)}, "x", Role::Input), range);
  }
  // A value of that kind, recent ones rather than old ones; nullopt if there is none.
  template <typename Predicate>
  std::optional<ValueId> find(Predicate accepts) {
    std::vector<ValueId> found;
    for (const auto& [index, range] : intervals_) {
      if (accepts(b_->type(ValueId{index}), range)) found.push_back(ValueId{index});
    }
    if (found.empty()) return std::nullopt;
    size_t from_end = std::min<size_t>(std::abs(std::normal_distribution<>(0, 4)(random_)), found.size() - 1);
    return chance(0.7) ? found[found.size() - 1 - from_end] : any(found);
  }
  std::optional<ValueId> find_float() {
    return find([](const Type& type, Interval) { return is_float(type.dtype); });
  }
  std::optional<ValueId> find_number() {
    return find([](const Type& type, Interval) { return is_float(type.dtype) || is_index(type.dtype); });
  }
  static bool is_index(DType dtype) { return dtype == DType::I32 || dtype == DType::I64; }
  // A second operand of the type of the first: an old value, a constant, or a smaller value broadcast to it.
  ValueId partner(const Type& type) {
    std::optional<ValueId> old = find([&](const Type& other, Interval) { return other == type; });
    if (old && chance(0.6)) return *old;
    std::vector<std::pair<ValueId, std::vector<int64_t>>> smaller;
    for (const auto& [index, range] : intervals_) {
      const Type& other = b_->type(ValueId{index});
      std::vector<int64_t> dims;
      if (other.dtype == type.dtype && other.rank() < type.rank() && embed(other.shape, type.shape, dims)) {
        smaller.emplace_back(ValueId{index}, dims);
      }
    }
    if (!smaller.empty() && chance(0.7)) {
      auto [value, dims] = any(smaller);
      return remember(b_->broadcast(value, type.shape, dims), interval(value));
    }
    double value = is_float(type.dtype) ? any(std::vector<double>{0, 1, -1, 0.5, 2, 3, number(-2, 2)}) : pick(0, 1);
    return remember(b_->constant(value, type), {value, value});
  }
  static bool embed(const Shape& small, const Shape& large, std::vector<int64_t>& dims) {
    for (size_t d = 0; d < large.size() && dims.size() < small.size(); ++d) {
      if (large[d] == small[dims.size()]) dims.push_back(static_cast<int64_t>(d));
    }
    return dims.size() == small.size();
  }
  void emit(std::string_view op, std::vector<ValueId> operands, Attrs attrs, Interval range) {
    if (range.bound() > kLargest) return;
    if (Result<ValueId> value = b_->try_op(op, std::move(operands), std::move(attrs))) remember(*value, range);
  }

  // --- growth: one new op of a random form ---
  void grow() {
    static const std::vector<void (GraphMaker::*)()> kForms = {
        &GraphMaker::unary,   &GraphMaker::unary,     &GraphMaker::unary,       &GraphMaker::binary,
        &GraphMaker::binary,  &GraphMaker::binary,    &GraphMaker::binary,      &GraphMaker::poles,
        &GraphMaker::poles,   &GraphMaker::choice,    &GraphMaker::choice,      &GraphMaker::generate,
        &GraphMaker::reduce,  &GraphMaker::reduce,    &GraphMaker::contract,    &GraphMaker::contract,
        &GraphMaker::reshape, &GraphMaker::transpose, &GraphMaker::broadcast,   &GraphMaker::slice,
        &GraphMaker::pad,     &GraphMaker::convert,   &GraphMaker::integers,    &GraphMaker::gather,
        &GraphMaker::scatter, &GraphMaker::window,    &GraphMaker::convolution, &GraphMaker::convolution,
        &GraphMaker::convert, &GraphMaker::integers,  &GraphMaker::integers,    &GraphMaker::order,
    };
    if (options_.scans && depth_ < 2 && chance(0.08)) return scan();
    (this->*any(kForms))();
  }

  // A loop whose body grows like a function of its own; carries are kept in [-1, 1].
  void scan() {
    std::optional<ValueId> x =
        find([](const Type& type, Interval) { return is_float(type.dtype) && type.rank() >= 1 && type.shape[0] <= 5; });
    if (!x) return;
    std::vector<ValueId> initial, sequences = {*x}, constants;
    auto is_small = [](const Type& type, Interval) { return is_float(type.dtype) && type.rank() <= 3; };
    for (int i = pick(0, 2); i > 0; --i) {
      if (auto value = find(is_small)) initial.push_back(*value);
    }
    for (int i = pick(0, 2); i > 0; --i) {
      auto value = chance(0.8) ? find_float() : find([](const Type&, Interval) { return true; });
      if (value) constants.push_back(*value);
    }
    int64_t length = b_->type(*x).shape[0];
    module_.funcs.emplace_back();
    Func& body = module_.funcs.back();
    body.name = fmt::format("body.{}", module_.funcs.size() - 1);
    body.kind = FuncKind::Body;
    std::vector<Interval> outputs = grow_body(body, initial, sequences, constants);
    std::vector<ValueId> results = b_->scan(body, initial, sequences, constants, length, chance(0.3));
    for (size_t r = 0; r < results.size(); ++r) remember(results[r], outputs[r]);
  }

  // Fills the body; returns the intervals of the scan's results.
  std::vector<Interval> grow_body(Func& body, const std::vector<ValueId>& initial,
                                  const std::vector<ValueId>& sequences, const std::vector<ValueId>& constants) {
    Func* outer_func = std::exchange(func_, &body);
    Builder outer = *b_;
    b_.emplace(body);
    std::map<uint32_t, Interval> outer_intervals = std::exchange(intervals_, {}), inner;
    ++depth_;
    auto argument = [&](ValueId value, const Type& type, Interval range) {
      inner[b_->argument(type, outer.func().name_of(value)).index] = range;
    };
    for (ValueId value : initial) {
      Interval range = outer_intervals.at(value.index);
      argument(value, Type(outer.type(value)), {std::min(range.lo, -1.0), std::max(range.hi, 1.0)});
    }
    for (ValueId value : sequences) argument(value, slice_type(outer.type(value)), outer_intervals.at(value.index));
    for (ValueId value : constants) argument(value, Type(outer.type(value)), outer_intervals.at(value.index));
    intervals_ = inner;
    for (int i = pick(2, 8); i > 0; --i) grow();
    std::vector<Interval> ranges;
    for (size_t c = 0; c < initial.size(); ++c) {
      ValueId value = body.args[c].value;
      ValueId mixed = partner(Type(b_->type(value)));
      if (chance(0.8)) mixed = b_->add(b_->mul(value, b_->constant_like(value, 0.5)), mixed);
      ranges.push_back(inner.at(value.index));
      ValueId next = chance(0.1) ? value : b_->unary("tanh", mixed);
      b_->result(next, fmt::format("next{}", c));
    }
    for (int j = initial.empty() ? 1 : pick(0, 2); j >= 0; --j) {
      std::optional<ValueId> value = find_float();
      bool is_wanted = j > 0 || body.results.empty();
      if (!value || !is_wanted || b_->type(*value).elements() * 5 > options_.max_elements)
        value = body.args.back().value;
      if (!is_wanted) continue;
      ranges.push_back(interval(*value));
      b_->result(*value, fmt::format("y{}", j));
    }
    --depth_;
    func_ = outer_func;
    b_.emplace(*outer_func);
    intervals_ = std::move(outer_intervals);
    return ranges;
  }

  void unary() {
    std::optional<ValueId> x = find_float();
    if (!x) return;
    auto [lo, hi] = interval(*x);
    double bound = interval(*x).bound();
    std::vector<std::pair<std::string_view, Interval>> fitting = {
        {"neg", {-hi, -lo}},
        {"abs", {0, bound}},
        {"tanh", {-1, 1}},
        {"sigmoid", {0, 1}},
        {"sin", {-1, 1}},
        {"cos", {-1, 1}},
        {"erf", {-1, 1}},
        {"floor", {std::floor(lo), hi}},
        {"sign", {-1, 1}},
        {"copy", {lo, hi}},
        {"relu", {std::max(lo, 0.0), std::max(hi, 0.0)}},
        {"round", {std::floor(lo), std::ceil(hi)}},
        {"atan", {std::atan(lo), std::atan(hi)}},
    };
    if (hi < 3) fitting.push_back({"exp", {std::exp(lo), std::exp(hi)}});
    if (hi < 3) fitting.push_back({"expm1", {std::expm1(lo), std::expm1(hi)}});
    if (lo >= 0.1) fitting.push_back({"log", {std::log(lo), std::log(hi)}});
    if (lo >= 0.1) fitting.push_back({"sqrt", {std::sqrt(lo), std::sqrt(hi)}});
    if (lo >= 0.1) fitting.push_back({"rsqrt", {1 / std::sqrt(hi), 1 / std::sqrt(lo)}});
    if (lo >= -0.5) fitting.push_back({"log1p", {std::log1p(lo), std::log1p(hi)}});
    if (!options_.differentiable) fitting.push_back({"stop_gradient", {lo, hi}});
    auto [op, range] = any(fitting);
    emit(op, {*x}, {}, range);
  }

  void binary() {
    std::optional<ValueId> x = find_float();
    if (!x) return;
    Type type = b_->type(*x);
    ValueId y = partner(type);
    Interval p = interval(*x), q = interval(y);
    double corners[] = {p.lo * q.lo, p.lo * q.hi, p.hi * q.lo, p.hi * q.hi};
    auto [least, greatest] = std::minmax_element(std::begin(corners), std::end(corners));
    std::vector<std::pair<std::string_view, Interval>> fitting = {
        {"add", {p.lo + q.lo, p.hi + q.hi}},
        {"sub", {p.lo - q.hi, p.hi - q.lo}},
        {"mul", {*least, *greatest}},
        {"min", {std::min(p.lo, q.lo), std::min(p.hi, q.hi)}},
        {"max", {std::max(p.lo, q.lo), std::max(p.hi, q.hi)}},
    };
    if (q.lo >= 0.2)
      fitting.push_back({"div", {std::min(p.lo / q.lo, p.lo / q.hi), std::max(p.hi / q.lo, p.hi / q.hi)}});
    if (p.lo >= 0.2 && q.bound() <= 3) {
      double base = std::max(p.hi, 1 / p.lo);
      fitting.push_back({"pow", {std::pow(base, -q.bound()), std::pow(base, q.bound())}});
    }
    auto [op, range] = any(fitting);
    emit(op, {*x, y}, {}, range);
  }

  // Functions with a pole, on an operand that is brought away from it first.
  void poles() {
    std::optional<ValueId> x = find_float();
    if (!x) return;
    Type type = b_->type(*x);
    ValueId squashed = remember(b_->unary("sigmoid", *x), {0, 1});
    ValueId positive = remember(b_->add(squashed, b_->constant(0.25, type)), {0.25, 1.25});
    if (chance(0.7)) {
      std::vector<std::pair<std::string_view, Interval>> functions = {
          {"log", {-1.4, 0.3}}, {"sqrt", {0.5, 1.2}}, {"rsqrt", {0.8, 2}}, {"log1p", {0.2, 0.9}}, {"exp", {1.2, 3.5}}};
      auto [op, range] = any(functions);
      return emit(op, {positive}, {}, range);
    }
    ValueId y = partner(type);
    double bound = interval(y).bound();
    if (chance(0.5)) return emit("div", {y, positive}, {}, {-4 * bound, 4 * bound});
    if (bound <= 4) emit("pow", {positive, y}, {}, {0, 256});
  }

  // A comparison, logic on bools, or a select by a bool.
  void choice() {
    std::optional<ValueId> x = chance(0.8) ? find_float() : find_number();
    if (!x) return;
    Type type = b_->type(*x), bools{DType::Bool, type.shape};
    std::optional<ValueId> condition = find([&](const Type& other, Interval) { return other == bools; });
    if (!condition || chance(0.2)) {
      std::string_view op = any(std::vector<std::string_view>{"lt", "le", "gt", "ge", "eq", "ne"});
      condition = remember(b_->op(op, {*x, partner(type)}), {0, 1});
    }
    if (chance(0.5)) {
      std::string_view op = any(std::vector<std::string_view>{"and", "or", "eq", "ne", "not"});
      std::vector<ValueId> operands = {*condition};
      if (op != "not") operands.push_back(partner(bools));
      condition = remember(b_->op(op, operands), {0, 1});
    }
    if (chance(0.3)) return;
    ValueId y = partner(type);
    emit("select", {*condition, *x, y}, {},
         {std::min(interval(*x).lo, interval(y).lo), std::max(interval(*x).hi, interval(y).hi)});
  }

  void generate() {
    Shape shape = random_shape();
    if (chance(0.5)) {
      if (depth_ == 0 && !seed_.is_valid()) seed_ = b_->argument({DType::I64, {}}, "seed", Role::Seed);
      ValueId seed = depth_ == 0 ? seed_ : b_->constant(pick(0, 100), {DType::I64, {}});
      ValueId step = b_->constant(pick(0, 100), {DType::I64, {}});
      emit("random_uniform", {seed, step}, {{"shape", shape}, {"stream", int64_t{pick(0, 1000000)}}}, {0, 1});
    } else if (!shape.empty()) {
      int64_t axis = pick(0, static_cast<int>(shape.size()) - 1);
      double last = std::max<double>(0, static_cast<double>(shape[axis] - 1));
      emit("iota", {},
           {{"axis", axis}, {"dtype", any(std::vector<std::string>{"f32", "i32", "f64", "i64"})}, {"shape", shape}},
           {0, last});
    }
  }

  void reduce() {
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

  void reshape() {
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

  void transpose() {
    std::optional<ValueId> x = find([](const Type& type, Interval) { return type.rank() >= 2; });
    if (!x) return;
    std::vector<int64_t> perm(b_->type(*x).shape.size());
    for (size_t d = 0; d < perm.size(); ++d) perm[d] = static_cast<int64_t>(d);
    std::shuffle(perm.begin(), perm.end(), random_);
    emit("transpose", {*x}, {{"perm", perm}}, interval(*x));
  }

  void broadcast() {
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

  void slice() {
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

  void pad() {
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

  // Windows of one value, or of one that is repeated along a new dimension first.
  void window() {
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

  // Windows along one or two dimensions of a padded value, times weights: a convolution, whose channels are the first
  // dimension that windows leave alone.
  void convolution() {
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

  void contract() {
    std::optional<ValueId> x =
        find([](const Type& type, Interval) { return is_float(type.dtype) && type.rank() <= 5; });
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

  // Values of one dtype become another; arguments of all dtypes.
  void convert() {
    bool from_float = chance(0.3);
    std::optional<ValueId> x = find([&](const Type& type, Interval) { return is_float(type.dtype) == from_float; });
    if (!x || (!from_float && chance(0.3))) {
      if (depth_ == 0 && chance(0.3)) {
        x = remember(b_->argument({DType::F64, {}}, "hyper", Role::Hyper, 0.5), {-2, 2});
      } else {
        x = new_argument(random_shape(), any(std::vector<DType>{DType::U8, DType::I32, DType::I64, DType::Bool}));
      }
    }
    auto [lo, hi] = interval(*x);
    std::string to = chance(0.6) ? std::string(dtype_name(float_type()))
                                 : any(std::vector<std::string>{"f32", "f64", "i32", "i64", "bool"});
    if (to == "bool") return emit("cast", {*x}, {{"dtype", to}}, {0, 1});
    bool cuts = from_float && to[0] == 'i';
    emit("cast", {*x}, {{"dtype", to}}, cuts ? Interval{std::trunc(lo), std::trunc(hi)} : Interval{lo, hi});
  }

  void integers() {  // they stay in the game by arithmetic of their own
    std::optional<ValueId> x = find([](const Type& type, Interval) { return is_index(type.dtype); });
    if (!x) return;
    ValueId y = partner(Type(b_->type(*x)));
    Interval p = interval(*x), q = interval(y);
    double corners[] = {p.lo * q.lo, p.lo * q.hi, p.hi * q.lo, p.hi * q.hi};
    auto [least, greatest] = std::minmax_element(std::begin(corners), std::end(corners));
    std::vector<std::pair<std::string_view, Interval>> fitting = {
        {"add", {p.lo + q.lo, p.hi + q.hi}},
        {"sub", {p.lo - q.hi, p.hi - q.lo}},
        {"mul", {*least, *greatest}},
        {"min", {std::min(p.lo, q.lo), std::min(p.hi, q.hi)}},
        {"max", {std::max(p.lo, q.lo), std::max(p.hi, q.hi)}},
        {"neg", {-p.hi, -p.lo}},
        {"abs", {0, p.bound()}},
        {"sign", {-1, 1}},
    };
    auto [op, range] = any(fitting);
    bool is_unary = op == "neg" || op == "abs" || op == "sign";
    emit(op, is_unary ? std::vector{*x} : std::vector{*x, y}, {}, range);
  }

  // A sorting by counting: how many elements are less than each one, and the elements at these places.
  void order() {
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

  // Integers that serve as indices: an old value, or an argument, some of whose numbers are out of range.  Behind
  // dimensions `shared`.
  ValueId indices(const Shape& shared) {
    std::optional<ValueId> old = find([&](const Type& type, Interval) {
      bool fits = type.rank() >= static_cast<int64_t>(shared.size()) && type.rank() <= 2;
      return is_index(type.dtype) && fits && std::equal(shared.begin(), shared.end(), type.shape.begin());
    });
    if (old && chance(0.5)) return *old;
    Shape shape = shared;
    while (shape.size() < 2 && chance(0.6)) shape.push_back(random_size());
    return new_argument(shape, chance(0.5) ? DType::I32 : DType::I64);
  }

  void gather() {
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

  void scatter() {
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

  // Most values that nothing reads, and one that something reads.
  void add_results() {
    std::vector<int> uses = use_counts(*func_);
    std::vector<ValueId> candidates;
    for (const Op& op : func_->ops) {
      if (uses[op.result().index] == 0 && chance(0.8)) candidates.push_back(op.result());
    }
    if (candidates.empty() || chance(0.3)) candidates.push_back(any(func_->ops).result());
    int count = 0;
    for (ValueId value : candidates) b_->result(value, fmt::format("y{}", count++), Role::Output);
  }

  std::mt19937_64 random_;
  RandomGraphOptions options_;
  Module module_;
  Func* func_ = nullptr;
  std::optional<Builder> b_;
  std::map<uint32_t, Interval> intervals_;  // of each value that may be an operand
  ValueId seed_;
  double wide_ = 0;  // how often a new float is of f64
  int depth_ = 0;    // of bodies around
};

}  // namespace

Module random_module(uint64_t seed, const RandomGraphOptions& options) {
  for (uint64_t attempt = 0;; ++attempt) {  // a lone scalar argument may leave too little to grow from
    Module module = GraphMaker(seed + (attempt << 32), options).make();
    if (static_cast<int>(module.funcs[0].ops.size()) >= options.min_ops) return module;
  }
}

// FNV-1a.
static uint64_t hash_of(const std::string& text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

std::vector<Tensor> random_args(const Func& func, uint64_t seed) {
  std::uniform_real_distribution<float> real(-2, 2);
  std::uniform_int_distribution<int> integer(0, 9);
  std::vector<Tensor> args;
  for (const Argument& arg : func.args) {
    const Type& type = func.type(arg.value);
    // By name: the numbers of one argument do not depend on the others.
    std::mt19937_64 random(seed * 0x9E3779B97F4A7C15 + hash_of(func.name_of(arg.value)));
    Tensor tensor{type, std::vector<double>(type.elements())};
    for (double& element : tensor.data) element = is_float(type.dtype) ? real(random) : integer(random);
    if (type.dtype == DType::Bool) {
      for (double& element : tensor.data) element = std::fmod(element, 2);
    }
    args.push_back(std::move(tensor));
  }
  return args;
}

static constexpr std::string_view kWeights = "weights";

bool is_differentiated(const Func& func, const Argument& arg) {
  return is_float(func.type(arg.value).dtype) && func.name_of(arg.value).rfind(kWeights, 0) != 0;
}

bool add_loss_and_gradients(Func& func, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> weight(0.5, 1.5);
  Builder b(func);
  ValueId loss;
  std::vector<ValueId> targets;
  for (const Argument& arg : func.args) {
    if (is_differentiated(func, arg)) targets.push_back(arg.value);
  }
  if (targets.empty()) return false;
  for (const FuncResult& result : func.results) {
    Type type = b.type(result.value);
    if (!is_float(type.dtype)) continue;
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis < type.rank(); ++axis) axes.push_back(axis);
    double scale = weight(random) / static_cast<double>(std::max<int64_t>(type.elements(), 1));
    ValueId weighted = b.mul(result.value, b.argument(type, kWeights, Role::Input));
    ValueId part = b.mul(b.sum(weighted, axes), b.constant(scale, {type.dtype, {}}));
    if (loss.is_valid()) part = b.cast(part, b.type(loss).dtype);
    loss = loss.is_valid() ? b.add(loss, part) : part;
  }
  if (!loss.is_valid()) return false;
  std::vector<ValueId> gradients = b.gradient(loss, targets);
  func.results.clear();
  b.result(loss, "loss", Role::Loss);
  for (size_t i = 0; i < targets.size(); ++i) {
    b.result(gradients[i], "d." + func.name_of(targets[i]), Role::Output);
  }
  return true;
}

}  // namespace tarn
