// The C target's own schedules, as text.
#include <doctest/doctest.h>

#include "codegen/kernel/prepare.h"
#include "codegen/target/c/schedule/schedule.h"
#include "tests/codegen_cpu/kernel_builder.h"

using namespace tarn;
using namespace tarn::testing;

namespace {

Kernel product(int64_t m, int64_t n, int64_t k) {
  KernelBuilder b("product");
  BufferIndex lhs = b.in({DType::F32, {m, k}}), rhs = b.in({DType::F32, {k, n}}), out = b.out({DType::F32, {m, n}});
  VariableIndex i = b.variable(m), j = b.variable(n), p = b.variable(k);
  b.loops({i, j}, [&] {
    b.store(out, {x(i), x(j)}, b.reduce(ReduceKind::Sum, {p}, [&] {
      return b.op(ScalarOp::Mul, {b.load(lhs, {x(i), x(p)}), b.load(rhs, {x(p), x(j)})});
    }));
  });
  return b.finish();
}

std::string schedule_of(const Kernel& kernel, bool is_in_place = false) {
  Kernel prepared = prepare(kernel);
  return c_source::print(prepared, c_source::plan(prepared, {}, is_in_place));
}

}  // namespace

TEST_CASE("products: columns of whole vectors, rows in registers beside them") {
  CHECK(schedule_of(product(32, 64, 784)) ==
        "schedule @product\n"
        "  for v1, v0; v1 in columns of 16; v0 in rows of 4\n"
        "  %3 = reduce v2\n");
}

TEST_CASE("columns that fill no whole number of vectors are computed again, but not in place") {
  CHECK(schedule_of(product(32, 28, 784)) ==
        "schedule @product\n"
        "  for v1, v0; v1 in columns of 16 that overlap; v0 in rows of 4\n"
        "  %3 = reduce v2\n");
  CHECK(schedule_of(product(32, 28, 784), true) ==
        "schedule @product\n"
        "  for v1, v0; v1 in columns of 16; v0 in rows of 4\n"
        "  %3 = reduce v2\n");
}

TEST_CASE("sums along memory: partial results side by side") {
  KernelBuilder b("rows");
  BufferIndex in = b.in({DType::F32, {10, 100}}), out = b.out({DType::F32, {10}});
  VariableIndex i = b.variable(10), j = b.variable(100);
  b.loop(i, [&] { b.store(out, {x(i)}, b.reduce(ReduceKind::Sum, {j}, [&] { return b.load(in, {x(i), x(j)}); })); });
  CHECK(schedule_of(b.finish()) ==
        "schedule @rows\n"
        "  for v0\n"
        "  %1 = reduce v1; v1 in lanes of 16\n");
}

TEST_CASE("loops without reductions: memory in order") {
  KernelBuilder b("transposed");
  BufferIndex in = b.in({DType::F32, {64, 48}}), out = b.out({DType::F32, {64, 48}});
  VariableIndex i = b.variable(48), j = b.variable(64);
  b.loops({i, j}, [&] { b.store(out, {x(j), x(i)}, b.load(in, {x(j), x(i)})); });
  CHECK(schedule_of(b.finish()) == "schedule @transposed\n  for v1, v0\n");
}
