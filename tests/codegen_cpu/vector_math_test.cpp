// Errors of the elementary functions against the f64 library, over all exponents, and their special values.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "codegen/target/cpu/emit/machine.h"
#include "tests/codegen_cpu/kernel_builder.h"
#include "tests/codegen_cpu/run_kernel.h"

using namespace tarn;
using namespace tarn::testing;

namespace {

struct Function {
  ScalarOp op;
  double (*exact)(double);
  double ulp;           // allowed with FMA
  double ulp_baseline;  // and without
};

// The bounds that codegen/target/cpu/emit/vector_math.h states.
const Function kFunctions[] = {
    {ScalarOp::Exp, std::exp, 0.99, 0.95},   {ScalarOp::Log, std::log, 0.83, 0.83},
    {ScalarOp::Log1p, std::log1p, 1.5, 1.5}, {ScalarOp::Tanh, std::tanh, 1.3, 1.3},
    {ScalarOp::Erf, std::erf, 1.0, 1.0},     {ScalarOp::Sin, std::sin, 1.5, 0.6},
    {ScalarOp::Cos, std::cos, 1.5, 0.6},
};

float float_of(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Denormals count as zero, in and out.
double flushed(double value) {
  return std::fabs(value) < 1.17549435e-38 ? std::copysign(0.0, value) : value;
}

// Distance in units in the last place of the exact value's float.
double error_in_ulp(float got, double exact) {
  auto nearest = static_cast<float>(exact);
  if (std::isnan(exact)) return std::isnan(got) ? 0 : HUGE_VAL;
  if (got == nearest)
    return std::isinf(nearest)
               ? 0
               : std::fabs(static_cast<double>(got) - exact) / std::ldexp(1.0, std::max(std::ilogb(exact), -126) - 23);
  if (std::isinf(nearest) || std::isinf(got)) {
    // At the edge of overflow the exact value may round either way.
    return std::fabs(exact) > 3.4028234e38 && std::fabs(exact) < 3.4028237e38 ? 0 : HUGE_VAL;
  }
  if (exact == 0) return got == 0 ? 0 : HUGE_VAL;
  return std::fabs(static_cast<double>(got) - exact) / std::ldexp(1.0, std::max(std::ilogb(exact), -126) - 23);
}

Bytes inputs() {
  std::vector<float> values = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1, -1, 88.72283f, 88.72284f, -103.97f, -87.4f};
  for (uint32_t exponent = 0; exponent < 255; ++exponent) {
    for (uint32_t n = 0; n < 2000; ++n) {
      uint32_t bits = exponent << 23 | ((n * 2654435761u) & 0x7FFFFF);
      values.push_back(float_of(bits));
      values.push_back(float_of(bits | 0x80000000u));
    }
  }
  for (int n = 0; n < 100000; ++n) values.push_back(static_cast<float>(-104 + n * 0.00194));
  Bytes bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("errors of the elementary functions") {
  Bytes in = inputs();
  auto size = static_cast<int64_t>(in.size() / 4);
  for (const Function& function : kFunctions) {
    KernelBuilder b;
    BufferIndex source = b.in({DType::F32, {size}}), out = b.out({DType::F32, {size}});
    VariableIndex i = b.variable(size);
    b.loop(i, [&] { b.store(out, {x(i)}, b.op(function.op, {b.load(source, {x(i)})})); });
    Kernel kernel = b.finish();
    for (const std::string& cpu : runnable_cpus()) {
      std::vector<Bytes> buffers = {in, Bytes(in.size())};
      REQUIRE(run_compiled(kernel, cpu, 1, buffers) == "");
      double worst = 0;
      float place = 0;
      for (int64_t n = 0; n < size; ++n) {
        auto argument = static_cast<float>(read_element(in, DType::F32, n));
        auto got = static_cast<float>(read_element(buffers[1], DType::F32, n));
        double exact = function.exact(flushed(static_cast<double>(argument)));
        // A part of the result may be flushed.
        bool is_close = std::fabs(static_cast<double>(got) - exact) < 1.2e-38;
        double error = is_close ? 0 : error_in_ulp(got, exact);
        if (error > worst) {
          worst = error;
          place = argument;
        }
      }
      CAPTURE(scalar_op_name(function.op));
      CAPTURE(cpu);
      CAPTURE(place);
      CHECK(worst <= (find_cpu_traits(cpu)->has_fma ? function.ulp : function.ulp_baseline));
      if (std::getenv("TARN_SHOW_ULP")) {
        MESSAGE(std::string(scalar_op_name(function.op)) << " " << cpu << ": " << worst << " ulp at " << place);
      }
    }
  }
}

TEST_CASE("signs of zero, and powers") {
  KernelBuilder b;
  BufferIndex base = b.in({DType::F32, {4}}), exponent = b.in({DType::F32, {4}});
  BufferIndex tanh = b.out({DType::F32, {4}}), power = b.out({DType::F32, {4}});
  VariableIndex i = b.variable(4);
  b.loop(i, [&] {
    ScalarIndex value = b.load(base, {x(i)});
    b.store(tanh, {x(i)}, b.op(ScalarOp::Tanh, {value}));
    b.store(power, {x(i)}, b.op(ScalarOp::Pow, {value, b.load(exponent, {x(i)})}));
  });
  Kernel kernel = b.finish();
  std::vector<Bytes> buffers = {Bytes(16), Bytes(16), Bytes(16), Bytes(16)};
  const double bases[] = {-0.0, 2, 0.9, -8}, exponents[] = {0, 10, 1000, 3},
               powers[] = {1, 1024, std::pow(0.9, 1000), -512};
  for (int64_t n = 0; n < 4; ++n) {
    write_element(buffers[0], DType::F32, n, bases[n]);
    write_element(buffers[1], DType::F32, n, exponents[n]);
  }
  for (const std::string& cpu : runnable_cpus()) {
    REQUIRE(run_compiled(kernel, cpu, 1, buffers) == "");
    CHECK(std::signbit(read_element(buffers[2], DType::F32, 0)));
    for (int64_t n = 0; n < 4; ++n)
      CHECK(read_element(buffers[3], DType::F32, n) == doctest::Approx(powers[n]).epsilon(1e-5));
  }
}
