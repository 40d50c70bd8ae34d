// f16 and bf16 in memory: every number loaded, every place where rounding turns, on each processor level.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "ir/half.h"
#include "tests/codegen_cpu/kernel_builder.h"
#include "tests/codegen_cpu/run_kernel.h"

using namespace tarn;
using namespace tarn::testing;

namespace {

constexpr int64_t kNumbers = 65536;

// out[i] = in[i], perhaps through an operation.
Kernel copy_of(DType from, DType to, int64_t size, std::optional<ScalarOp> op = std::nullopt) {
  KernelBuilder b("copy");
  BufferIndex in = b.in({from, {size}}), out = b.out({to, {size}});
  VariableIndex i = b.variable(size);
  b.loop(i, [&] {
    ScalarIndex value = b.load(in, {x(i)});
    if (op) value = b.op(*op, {value});
    b.store(out, {x(i)}, from == DType::F64 ? b.cast(value, DType::F32) : value);
  });
  return b.finish();
}

Bytes bytes_of(DType dtype, const std::vector<double>& numbers) {
  Bytes bytes(numbers.size() * static_cast<size_t>(dtype_bytes(dtype)));
  for (size_t i = 0; i < numbers.size(); ++i) write_element(bytes, dtype, static_cast<int64_t>(i), numbers[i]);
  return bytes;
}

bool are_equal(double a, double b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

// A f32 that programs take for zero.
bool is_denormal(double value) {
  return value != 0 && std::fabs(value) < std::numeric_limits<float>::min();
}

// Numbers at, and next to, each middle between two neighbours of `half`; `step`: to the next number of the wide dtype.
template <typename Wide>
std::vector<double> turning_points(DType half) {
  std::vector<double> numbers;
  for (int bits = 0; bits < kNumbers; ++bits) {
    double here = half_value(static_cast<uint16_t>(bits), half),
           next = half_value(static_cast<uint16_t>(bits + 1), half);
    if (!std::isfinite(here)) continue;
    // Beyond the largest number the next would be one step of its own size further.
    if (!std::isfinite(next)) next = 2 * here - half_value(static_cast<uint16_t>(bits - 1), half);
    auto middle = static_cast<Wide>((here + next) / 2);
    for (Wide number : {middle, std::nextafter(middle, Wide(HUGE_VAL)), std::nextafter(middle, Wide(-HUGE_VAL))}) {
      if (!is_denormal(static_cast<double>(number))) numbers.push_back(static_cast<double>(number));
    }
  }
  for (double number : {0.0, -0.0, 1e30, -1e30, 65520.0, HUGE_VAL, -HUGE_VAL, std::nan("")}) numbers.push_back(number);
  return numbers;
}

void check_copies(const Kernel& kernel, DType from, DType to, const std::vector<double>& numbers,
                  const std::vector<double>& expected) {
  for (const std::string& cpu : runnable_cpus()) {
    CAPTURE(cpu);
    std::vector<Bytes> buffers = {bytes_of(from, numbers), bytes_of(to, numbers)};
    REQUIRE(run_compiled(kernel, cpu, 2, buffers) == "");
    int wrong = 0;
    for (size_t i = 0; i < numbers.size(); ++i) {
      double found = read_element(buffers[1], to, static_cast<int64_t>(i));
      if (are_equal(found, expected[i])) continue;
      if (wrong++ == 0) MESSAGE(numbers[i], " became ", found, ", not ", expected[i]);
    }
    CHECK(wrong == 0);
  }
}

std::vector<double> rounded(const std::vector<double>& numbers, DType half) {
  std::vector<double> results;
  for (double number : numbers) results.push_back(round_to_half(number, half));
  return results;
}

}  // namespace

TEST_CASE("every number of 16 bits is loaded and stored as it is") {
  for (DType half : {DType::F16, DType::BF16}) {
    std::vector<double> numbers;
    for (int bits = 0; bits < kNumbers; ++bits) {
      double number = half_value(static_cast<uint16_t>(bits), half);
      numbers.push_back(is_denormal(number) ? 0 : number);
    }
    check_copies(copy_of(half, DType::F32, kNumbers), half, DType::F32, numbers, numbers);
    check_copies(copy_of(half, half, kNumbers), half, half, numbers, numbers);
  }
}

TEST_CASE("a store of f32 rounds to the nearest number, half to even") {
  for (DType half : {DType::F16, DType::BF16}) {
    std::vector<double> numbers = turning_points<float>(half);
    Kernel kernel = copy_of(DType::F32, half, static_cast<int64_t>(numbers.size()));
    check_copies(kernel, DType::F32, half, numbers, rounded(numbers, half));
  }
}

TEST_CASE("rounding inside a kernel is that of a store, from f64 at once") {
  for (DType half : {DType::F16, DType::BF16}) {
    ScalarOp op = half == DType::F16 ? ScalarOp::RoundF16 : ScalarOp::RoundBf16;
    std::vector<double> numbers = turning_points<float>(half);
    Kernel kernel = copy_of(DType::F32, DType::F32, static_cast<int64_t>(numbers.size()), op);
    check_copies(kernel, DType::F32, DType::F32, numbers, rounded(numbers, half));
    numbers = turning_points<double>(half);
    kernel = copy_of(DType::F64, DType::F32, static_cast<int64_t>(numbers.size()), op);
    check_copies(kernel, DType::F64, DType::F32, numbers, rounded(numbers, half));
  }
}

TEST_CASE("products, column sums, guarded and strided loads of 16-bit numbers") {
  for (DType half : {DType::F16, DType::BF16}) {
    KernelBuilder b("product");
    constexpr int64_t m = 19, n = 37, k = 50;
    BufferIndex lhs = b.in({half, {m, k}}), rhs = b.in({half, {n, k}}), out = b.out({DType::F32, {m, n}});
    VariableIndex i = b.variable(m), j = b.variable(n), p = b.variable(k);
    b.loop(i, [&] {
      b.loop(j, [&] {
        ScalarIndex sum = b.reduce(ReduceKind::Sum, {p}, [&] {
          return b.op(ScalarOp::Mul, {b.load(lhs, {x(i), x(p)}), b.load(rhs, {x(j), x(p)})});
        });
        b.store(out, {x(i), x(j)}, sum);
      });
    });
    CHECK(check_kernel(b.finish()) == "");
    KernelBuilder c("moved");
    BufferIndex from = c.in({half, {70, 40}}), to = c.out({half, {35, 42}});
    VariableIndex row = c.variable(35), column = c.variable(42);
    c.loop(row, [&] {
      c.loop(column, [&] { c.store(to, {x(row), x(column)}, c.load(from, {x(row, 2), x(column) + at(-1)}, true)); });
    });
    CHECK(check_kernel(c.finish(), 0) == "");
    KernelBuilder d("turned");
    BufferIndex source = d.in({half, {40, 70}}), turned = d.out({half, {70, 40}});
    VariableIndex r = d.variable(70), s = d.variable(40);
    d.loop(r, [&] { d.loop(s, [&] { d.store(turned, {x(r), x(s)}, d.load(source, {x(s), x(r)})); }); });
    CHECK(check_kernel(d.finish(), 0) == "");
  }
}
