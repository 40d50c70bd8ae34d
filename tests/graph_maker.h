// The state of random_module(): the graph so far, and between which numbers each of its values lies.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "ir/builder.h"
#include "tests/random_graph.h"

namespace tarn {

struct Interval {
  double lo, hi;
  double bound() const { return std::max(std::fabs(lo), std::fabs(hi)); }
};
constexpr double kLargest = 1e3;

class GraphMaker {
 public:
  GraphMaker(uint64_t seed, const RandomGraphOptions& options);
  Module make();

 private:
  // --- choices ---
  int pick(int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random_); }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  double number(double lo, double hi) { return static_cast<float>(std::uniform_real_distribution<>(lo, hi)(random_)); }
  template <typename T>
  const T& any(const std::vector<T>& items) {
    return items[pick(0, static_cast<int>(items.size()) - 1)];
  }

  int64_t random_size();
  Shape random_shape();

  // --- values ---
  DType float_type() {
    DType dtype = chance(wide_) ? DType::F64 : DType::F32;
    if (!options_.halves || !std::bernoulli_distribution(0.4)(extras_)) return dtype;
    return std::bernoulli_distribution(0.5)(extras_) ? DType::F16 : DType::BF16;
  }
  const Interval& interval(ValueId value) const { return intervals_.at(value.index); }
  ValueId remember(ValueId value, Interval interval);
  ValueId new_argument(Shape shape) { return new_argument(std::move(shape), float_type()); }
  ValueId new_argument(Shape shape, DType dtype);
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
  std::optional<ValueId> find_float();
  std::optional<ValueId> find_number();
  static bool is_index(DType dtype) { return dtype == DType::I32 || dtype == DType::I64; }
  // A second operand of the type of the first: an old value, a constant, or a smaller value broadcast to it.
  ValueId partner(const Type& type);
  static bool embed(const Shape& small, const Shape& large, std::vector<int64_t>& dims);
  void emit(std::string_view op, std::vector<ValueId> operands, Attrs attrs, Interval range);

  // --- growth: one new op of a random form ---
  void grow();

  // A loop whose body grows like a function of its own; carries are kept in [-1, 1].
  void scan();

  // Fills the body; returns the intervals of the scan's results.
  std::vector<Interval> grow_body(Func& body, const std::vector<ValueId>& initial,
                                  const std::vector<ValueId>& sequences, const std::vector<ValueId>& constants);

  void unary();
  void binary();
  // Functions with a pole, on an operand that is brought away from it first.
  void poles();
  // A comparison, logic on bools, or a select by a bool.
  void choice();
  void generate();
  void reduce();
  void reshape();
  void transpose();
  void broadcast();
  void slice();
  void pad();
  // Windows of one value, or of one that is repeated along a new dimension first.
  void window();
  // Windows along one or two dimensions of a padded value, times weights: a convolution, whose channels are the first
  // dimension that windows leave alone.
  void convolution();
  void contract();
  // Values of one dtype become another; arguments of all dtypes.
  void convert();
  void integers();
  // A sorting by counting: how many elements are less than each one, and the elements at these places.
  void order();
  // Integers that serve as indices: an old value, or an argument, some of whose numbers are out of range.  Behind
  // dimensions `shared`.
  ValueId indices(const Shape& shared);
  void gather();
  void scatter();

  // Most values that nothing reads, and one that something reads.
  void add_results();

  std::mt19937_64 random_;
  std::minstd_rand extras_;  // of what does not change which ops there are
  RandomGraphOptions options_;
  Module module_;
  Func* func_ = nullptr;
  std::optional<Builder> b_;
  std::map<uint32_t, Interval> intervals_;  // of each value that may be an operand
  ValueId seed_;
  double wide_ = 0;  // how often a new float is of f64
  int depth_ = 0;    // of bodies around
};

}  // namespace tarn
