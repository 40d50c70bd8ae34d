// Uniform random numbers from a counter-based generator: equal operands and stream give equal numbers, anywhere.
#include "ir/op_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/philox.h"

namespace tarn {

static Result<Type> random_type(const ShapeArgs& args) {
  for (int i = 0; i < 2; ++i) {
    if (args.inputs[i] == Type{DType::I64, {}}) continue;
    return Error{fmt::format("{} is {}, not i64[]", i == 0 ? "seed" : "step", args.inputs[i].text()), "C1", i};
  }
  const Shape& shape = attr_ints(args.attrs, "shape");
  std::optional<int64_t> count = checked_element_count(shape);
  if (!count || *count > (int64_t{1} << 31)) return Error{fmt::format("no draw has shape {}", shape_text(shape)), "C2"};
  int64_t stream = attr_int(args.attrs, "stream");
  if (stream < 0 || stream >= (int64_t{1} << 32)) return Error{fmt::format("stream {} is not 32 bits", stream), "C3"};
  return Type{DType::F32, shape};
}

static double random_eval(std::span<const int64_t> index, const Shape& shape, std::span<const double> scalars,
                          const Attrs& attrs) {
  int64_t element = 0;
  for (size_t d = 0; d < shape.size(); ++d) element = element * shape[d] + index[d];
  return philox_uniform(static_cast<uint64_t>(static_cast<int64_t>(scalars[0])),
                        static_cast<uint64_t>(static_cast<int64_t>(scalars[1])),
                        static_cast<uint32_t>(attr_int(attrs, "stream")), static_cast<uint32_t>(element));
}

static Scalar random_lower(ScalarEmitter& e, std::span<const Scalar> index, const Shape& shape,
                           std::span<const Scalar> scalars, const Attrs& attrs, DType) {
  auto word = [&](uint32_t bits) { return e.constant(static_cast<int32_t>(bits), DType::I32); };
  auto low = [&](Scalar wide) { return e.cast(wide, DType::I32); };
  auto high = [&](Scalar wide) { return low(e.apply(ScalarOp::ShiftRight, {wide, e.constant(32, DType::I64)})); };
  auto both = [&](ScalarOp op, Scalar x, Scalar y) { return e.apply(op, {x, y}); };
  Scalar element = word(0);
  for (size_t d = 0; d < shape.size(); ++d) {
    element = both(ScalarOp::Add, both(ScalarOp::Mul, element, word(static_cast<uint32_t>(shape[d]))), index[d]);
  }
  Scalar key[2] = {low(scalars[0]), high(scalars[0])};
  Scalar c[4] = {element, word(static_cast<uint32_t>(attr_int(attrs, "stream"))), low(scalars[1]), high(scalars[1])};
  for (int round = 0; round < kPhiloxRounds; ++round) {
    Scalar m0 = word(kPhiloxMultiplier0), m1 = word(kPhiloxMultiplier1);
    Scalar next[4] = {both(ScalarOp::Xor, both(ScalarOp::Xor, both(ScalarOp::MulHigh, m1, c[2]), c[1]), key[0]),
                      both(ScalarOp::Mul, m1, c[2]),
                      both(ScalarOp::Xor, both(ScalarOp::Xor, both(ScalarOp::MulHigh, m0, c[0]), c[3]), key[1]),
                      both(ScalarOp::Mul, m0, c[0])};
    std::copy(next, next + 4, c);
    key[0] = both(ScalarOp::Add, key[0], word(kPhiloxWeyl0));
    key[1] = both(ScalarOp::Add, key[1], word(kPhiloxWeyl1));
  }
  Scalar bits = both(ScalarOp::ShiftRight, c[0], word(8));
  return both(ScalarOp::Mul, e.cast(bits, DType::F32), e.constant(0x1p-24, DType::F32));
}

static Sample random_sample(Shape shape, int64_t stream) {
  SampleInput counter{Type{DType::I64, {}}, 0, 1e6};
  return {{counter, counter}, {{"shape", std::move(shape)}, {"stream", stream}}, {}};
}

extern const OpDef op_random_uniform;
const OpDef op_random_uniform{
    .name = "random_uniform",
    .summary = "uniform random numbers in [0, 1)",
    .doc =
        "result[i] = (word 0 of Philox4x32-10 >> 8) * 2^-24, with key = seed and counter = (row-major index of i, "
        "stream, step); exact in f32.\n"
        "The contract is versioned in ir/philox.h.\n"
        "(C1) seed and step are i64[].\n"
        "(C2) no size is negative and there are at most 2^31 elements.\n"
        "(C3) 0 <= stream < 2^32.",
    .source = "Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011",
    .arity = 2,
    .attrs = {{"shape", AttrKind::Ints, "of the result"},
              {"stream", AttrKind::Int, "which of the program's independent sequences"}},
    .shape = random_type,
    .vjp = no_gradient,
    .body = Generate{.eval = random_eval, .lower = random_lower},
    .may_diverge = false,
    .tolerance = {.forward_f32 = kExact, .grad_f64 = kGradientF64},
    .samples = {random_sample({3, 5}, 1), random_sample({}, 4294967295), random_sample({0, 4}, 7),
                random_sample({33}, 2864434397), random_sample({2, 1, 3}, 0)},
};

}  // namespace tarn
