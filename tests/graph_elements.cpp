// Forms of random graphs whose elements do not depend on their neighbours: arithmetic, choices, casts, generators.
#include "tests/graph_maker.h"

namespace tarn {

using OpInterval = std::pair<std::string_view, Interval>;

// Ops that fit any two values, and between which numbers their results are.
static std::vector<OpInterval> arithmetic(Interval p, Interval q) {
  double corners[] = {p.lo * q.lo, p.lo * q.hi, p.hi * q.lo, p.hi * q.hi};
  auto [least, greatest] = std::minmax_element(std::begin(corners), std::end(corners));
  return {
      {"add", {p.lo + q.lo, p.hi + q.hi}},
      {"sub", {p.lo - q.hi, p.hi - q.lo}},
      {"mul", {*least, *greatest}},
      {"min", {std::min(p.lo, q.lo), std::min(p.hi, q.hi)}},
      {"max", {std::max(p.lo, q.lo), std::max(p.hi, q.hi)}},
  };
}

void GraphMaker::unary() {
  std::optional<ValueId> x = find_float();
  if (!x) return;
  auto [lo, hi] = interval(*x);
  double bound = interval(*x).bound();
  std::vector<OpInterval> fitting = {
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

void GraphMaker::binary() {
  std::optional<ValueId> x = find_float();
  if (!x) return;
  Type type = b_->type(*x);
  ValueId y = partner(type);
  Interval p = interval(*x), q = interval(y);
  std::vector<OpInterval> fitting = arithmetic(p, q);
  if (q.lo >= 0.2) fitting.push_back({"div", {std::min(p.lo / q.lo, p.lo / q.hi), std::max(p.hi / q.lo, p.hi / q.hi)}});
  if (p.lo >= 0.2 && q.bound() <= 3) {
    double base = std::max(p.hi, 1 / p.lo);
    fitting.push_back({"pow", {std::pow(base, -q.bound()), std::pow(base, q.bound())}});
  }
  auto [op, range] = any(fitting);
  emit(op, {*x, y}, {}, range);
}

void GraphMaker::poles() {
  std::optional<ValueId> x = find_float();
  if (!x) return;
  Type type = b_->type(*x);
  ValueId squashed = remember(b_->unary("sigmoid", *x), {0, 1});
  ValueId positive = remember(b_->add(squashed, b_->constant(0.25, type)), {0.25, 1.25});
  if (chance(0.7)) {
    std::vector<OpInterval> functions = {
        {"log", {-1.4, 0.3}}, {"sqrt", {0.5, 1.2}}, {"rsqrt", {0.8, 2}}, {"log1p", {0.2, 0.9}}, {"exp", {1.2, 3.5}}};
    auto [op, range] = any(functions);
    return emit(op, {positive}, {}, range);
  }
  ValueId y = partner(type);
  double bound = interval(y).bound();
  if (chance(0.5)) return emit("div", {y, positive}, {}, {-4 * bound, 4 * bound});
  if (bound <= 4) emit("pow", {positive, y}, {}, {0, 256});
}

void GraphMaker::choice() {
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

void GraphMaker::generate() {
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

void GraphMaker::convert() {
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
  if (options_.halves && std::bernoulli_distribution(0.3)(extras_)) to = std::string(dtype_name(float_type()));
  if (to == "bool") return emit("cast", {*x}, {{"dtype", to}}, {0, 1});
  bool cuts = from_float && to[0] == 'i';
  emit("cast", {*x}, {{"dtype", to}}, cuts ? Interval{std::trunc(lo), std::trunc(hi)} : Interval{lo, hi});
}

void GraphMaker::integers() {  // they stay in the game by arithmetic of their own
  std::optional<ValueId> x = find([](const Type& type, Interval) { return is_index(type.dtype); });
  if (!x) return;
  ValueId y = partner(Type(b_->type(*x)));
  Interval p = interval(*x), q = interval(y);
  std::vector<OpInterval> fitting = arithmetic(p, q);
  fitting.push_back({"neg", {-p.hi, -p.lo}});
  fitting.push_back({"abs", {0, p.bound()}});
  fitting.push_back({"sign", {-1, 1}});
  auto [op, range] = any(fitting);
  bool is_unary = op == "neg" || op == "abs" || op == "sign";
  emit(op, is_unary ? std::vector{*x} : std::vector{*x, y}, {}, range);
}

}  // namespace tarn
