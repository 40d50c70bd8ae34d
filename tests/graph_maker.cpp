// Grows a graph op by op; candidates that fit no value, or would leave the tracked intervals, are dropped.
#include "tests/graph_maker.h"

#include <fmt/format.h>

#include <utility>

#include "ir/accumulation.h"
#include "ir/scan.h"

namespace tarn {

GraphMaker::GraphMaker(uint64_t seed, const RandomGraphOptions& options)
    : random_(seed), extras_(seed), options_(options) {
  module_.name = "random";
  module_.records.push_back({"model", module_.name, {{"batch", int64_t{1}}}});
  module_.funcs.emplace_back();
  func_ = &module_.funcs[0];
  func_->name = "f";
  b_.emplace(*func_);
  wide_ = any(std::vector<double>{0, 0, 0, 0.3, 1});
}

Module GraphMaker::make() {
  for (int i = pick(1, 3); i > 0; --i) new_argument(random_shape());
  int wanted = pick(options_.min_ops, options_.max_ops);
  for (int tries = 0; static_cast<int>(func_->ops.size()) < wanted && tries < 20 * wanted; ++tries) grow();
  add_results();
  return std::move(module_);
}

int64_t GraphMaker::random_size() {
  static const std::vector<int64_t> kSizes = {1,  1,  2,  2,  3,  3,  4,  4,  5,  5,  7,  7,   8,   9,  11,
                                              13, 15, 16, 17, 19, 31, 32, 33, 63, 64, 65, 127, 128, 129};
  return options_.with_empty && chance(0.02) ? 0 : any(kSizes);
}

Shape GraphMaker::random_shape() {
  static const std::vector<int> kRanks = {0, 1, 1, 2, 2, 2, 2, 3, 3, 4, 5};
  Shape shape(any(kRanks));
  do {
    for (int64_t& size : shape) size = random_size();
  } while (element_count(shape) > options_.max_elements);
  return shape;
}

ValueId GraphMaker::remember(ValueId value, Interval interval) {
  intervals_[value.index] = interval;
  return value;
}

ValueId GraphMaker::new_argument(Shape shape, DType dtype) {
  if (depth_ > 0) {  // a body's arguments are its own
    double value = is_float(dtype) ? number(-2, 2) : dtype == DType::Bool ? 1 : 3;
    return remember(b_->constant(value, {dtype, std::move(shape)}), {value, value});
  }
  Interval range = is_float(dtype) ? Interval{-2, 2} : dtype == DType::Bool ? Interval{0, 1} : Interval{0, 9};
  return remember(b_->argument({dtype, std::move(shape)}, "x", Role::Input), range);
}

std::optional<ValueId> GraphMaker::find_float() {
  return find([](const Type& type, Interval) { return is_float(type.dtype); });
}

std::optional<ValueId> GraphMaker::find_number() {
  return find([](const Type& type, Interval) { return is_float(type.dtype) || is_index(type.dtype); });
}

ValueId GraphMaker::partner(const Type& type) {
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

bool GraphMaker::embed(const Shape& small, const Shape& large, std::vector<int64_t>& dims) {
  for (size_t d = 0; d < large.size() && dims.size() < small.size(); ++d) {
    if (large[d] == small[dims.size()]) dims.push_back(static_cast<int64_t>(d));
  }
  return dims.size() == small.size();
}

void GraphMaker::emit(std::string_view op, std::vector<ValueId> operands, Attrs attrs, Interval range) {
  if (range.bound() > kLargest) return;
  for (const AttrSpec& spec : find_op(op)->attrs) {
    if (spec.name != kAccumulateAttr.name || !std::bernoulli_distribution(0.15)(extras_)) continue;
    DType dtype = b_->type(operands.back()).dtype;
    if (dtype == DType::F32) attrs["accumulate"] = std::string("f64");
    if (dtype == DType::I32) attrs["accumulate"] = std::string("i64");
  }
  if (Result<ValueId> value = b_->try_op(op, std::move(operands), std::move(attrs))) remember(*value, range);
}

void GraphMaker::grow() {
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

void GraphMaker::scan() {
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

std::vector<Interval> GraphMaker::grow_body(Func& body, const std::vector<ValueId>& initial,
                                            const std::vector<ValueId>& sequences,
                                            const std::vector<ValueId>& constants) {
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
    if (!value || !is_wanted || b_->type(*value).elements() * 5 > options_.max_elements) value = body.args.back().value;
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

void GraphMaker::add_results() {
  std::vector<int> uses = use_counts(*func_);
  std::vector<ValueId> candidates;
  for (const Op& op : func_->ops) {
    if (uses[op.result().index] == 0 && chance(0.8)) candidates.push_back(op.result());
  }
  if (candidates.empty() || chance(0.3)) candidates.push_back(any(func_->ops).result());
  int count = 0;
  for (ValueId value : candidates) b_->result(value, fmt::format("y{}", count++), Role::Output);
}

}  // namespace tarn
