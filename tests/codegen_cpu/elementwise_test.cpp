// Elementwise kernels: every scalar operation on every dtype it takes, shapes around the vector lengths, broadcasts.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/codegen_cpu/kernel_builder.h"
#include "tests/codegen_cpu/run_kernel.h"

using namespace tarn;
using namespace tarn::testing;

namespace {

Kernel elementwise(ScalarOp op, DType dtype, int64_t size) {
  KernelBuilder b;
  int arity = scalar_op_arity(op);
  std::vector<BufferIndex> inputs;
  for (int i = 0; i < arity; ++i) {
    inputs.push_back(b.in({op == ScalarOp::Select && i == 0 ? DType::Bool : dtype, {size}}));
  }
  BufferIndex out = b.out({is_comparison(op) ? DType::Bool : dtype, {size}});
  VariableIndex i = b.variable(size);
  b.loop(i, [&] {
    std::vector<ScalarIndex> operands;
    for (BufferIndex input : inputs) operands.push_back(b.load(input, {x(i)}));
    b.store(out, {x(i)}, b.op(op, operands));
  });
  return b.finish();
}

}  // namespace

TEST_CASE("every scalar operation on f32 and f64") {
  for (int o = 0; o <= static_cast<int>(ScalarOp::Select); ++o) {
    auto op = static_cast<ScalarOp>(o);
    if (op >= ScalarOp::And && op <= ScalarOp::MulHigh) continue;
    bool needs_positive = op == ScalarOp::Log || op == ScalarOp::Sqrt || op == ScalarOp::Pow || op == ScalarOp::Log1p;
    CAPTURE(scalar_op_name(op));
    for (DType dtype : {DType::F32, DType::F64}) {
      CHECK(check_kernel(elementwise(op, dtype, 37), 2e-6, needs_positive ? 0.01 : -3, 3) == "");
    }
  }
}

TEST_CASE("integer and boolean operations") {
  for (ScalarOp op :
       {ScalarOp::Add, ScalarOp::Sub, ScalarOp::Mul, ScalarOp::Div, ScalarOp::Neg, ScalarOp::Abs,   ScalarOp::Min,
        ScalarOp::Max, ScalarOp::Fma, ScalarOp::Eq,  ScalarOp::Ne,  ScalarOp::Lt,  ScalarOp::Le,    ScalarOp::Gt,
        ScalarOp::Ge,  ScalarOp::And, ScalarOp::Or,  ScalarOp::Xor, ScalarOp::Not, ScalarOp::Select}) {
    for (DType dtype : {DType::I32, DType::I64, DType::U8}) {
      CAPTURE(scalar_op_name(op));
      CAPTURE(dtype_name(dtype));
      CHECK(check_kernel(elementwise(op, dtype, 21)) == "");
    }
  }
  for (ScalarOp op : {ScalarOp::And, ScalarOp::Or, ScalarOp::Xor, ScalarOp::Not, ScalarOp::Select, ScalarOp::Eq}) {
    CAPTURE(scalar_op_name(op));
    CHECK(check_kernel(elementwise(op, DType::Bool, 35)) == "");
  }
}

TEST_CASE("philox arithmetic: high products, shifts, wrapping") {
  KernelBuilder b;
  BufferIndex out = b.out({DType::I32, {50}});
  VariableIndex i = b.variable(50);
  b.loop(i, [&] {
    ScalarIndex n = b.index(i);
    ScalarIndex m = b.op(ScalarOp::MulHigh, {b.op(ScalarOp::Xor, {n, b.constant(-1234567891, DType::I32)}),
                                             b.constant(static_cast<double>(0xD2511F53u - 0x100000000), DType::I32)});
    b.store(out, {x(i)}, b.op(ScalarOp::Add, {m, b.op(ScalarOp::ShiftRight, {m, b.constant(9, DType::I32)})}));
  });
  CHECK(check_kernel(b.finish()) == "");
}

TEST_CASE("casts between all dtypes") {
  for (DType from : {DType::Bool, DType::U8, DType::I32, DType::I64, DType::F32, DType::F64}) {
    for (DType to : {DType::Bool, DType::U8, DType::I32, DType::I64, DType::F32, DType::F64}) {
      KernelBuilder b;
      BufferIndex in = b.in({from, {19}}), out = b.out({to, {19}});
      VariableIndex i = b.variable(19);
      b.loop(i, [&] { b.store(out, {x(i)}, b.cast(b.load(in, {x(i)}), to)); });
      CAPTURE(dtype_name(from));
      CAPTURE(dtype_name(to));
      double low = to == DType::U8 ? 0 : -50;
      CHECK(check_kernel(b.finish(), 1e-6, low, 50) == "");
    }
  }
}

TEST_CASE("sizes around the vector lengths") {
  for (int64_t size : {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 1000}) {
    CAPTURE(size);
    CHECK(check_kernel(elementwise(ScalarOp::Add, DType::F32, size)) == "");
    CHECK(check_kernel(elementwise(ScalarOp::Exp, DType::F32, size)) == "");
    CHECK(check_kernel(elementwise(ScalarOp::Mul, DType::F64, size)) == "");
  }
}

TEST_CASE("large enough for threads") {
  CHECK(check_kernel(elementwise(ScalarOp::Tanh, DType::F32, 100003)) == "");
}

TEST_CASE("bias and relu over rows") {
  for (Shape shape : {Shape{32, 64}, Shape{7, 13}, Shape{1, 5}, Shape{5, 1}, Shape{300, 200}, Shape{3, 0}}) {
    KernelBuilder b;
    BufferIndex in = b.in({DType::F32, shape}), bias = b.in({DType::F32, {shape[1]}}), out = b.out({DType::F32, shape});
    VariableIndex i = b.variable(shape[0]), j = b.variable(shape[1]);
    ScalarIndex zero = b.constant(0);
    b.loops({i, j}, [&] {
      ScalarIndex sum = b.op(ScalarOp::Add, {b.load(in, {x(i), x(j)}), b.load(bias, {x(j)})});
      b.store(out, {x(i), x(j)}, b.op(ScalarOp::Max, {sum, zero}));
    });
    CHECK(check_kernel(b.finish()) == "");
  }
}

TEST_CASE("max and min give NaN where either operand is NaN") {
  for (ScalarOp op : {ScalarOp::Max, ScalarOp::Min}) {
    Kernel kernel = elementwise(op, DType::F32, 16);
    std::vector<Bytes> buffers(3, Bytes(64));
    for (int64_t i = 0; i < 16; ++i) {
      write_element(buffers[0], DType::F32, i, i % 2 == 0 ? NAN : 1);
      write_element(buffers[1], DType::F32, i, i % 3 == 0 ? NAN : 2);
    }
    for (const std::string& cpu : runnable_cpus()) {
      REQUIRE(run_compiled(kernel, cpu, 1, buffers) == "");
      for (int64_t i = 0; i < 16; ++i) {
        CHECK(std::isnan(read_element(buffers[2], DType::F32, i)) == (i % 2 == 0 || i % 3 == 0));
      }
    }
  }
}

TEST_CASE("updates in place, with scalars from memory") {
  KernelBuilder b;
  int64_t size = 1000;
  BufferIndex p = b.in({DType::F32, {size}}), m = b.in({DType::F32, {size}}), g = b.in({DType::F32, {size}});
  BufferIndex rate = b.in({DType::F64, {}});
  BufferIndex m_out = b.out({DType::F32, {size}}), p_out = b.out({DType::F32, {size}});
  ScalarIndex lr = b.cast(b.load(rate, {}), DType::F32);
  ScalarIndex momentum = b.constant(0.9);
  VariableIndex i = b.variable(size);
  b.loop(i, [&] {
    ScalarIndex v = b.op(ScalarOp::Fma, {b.load(m, {x(i)}), momentum, b.load(g, {x(i)})});
    ScalarIndex next = b.op(ScalarOp::Sub, {b.load(p, {x(i)}), b.op(ScalarOp::Mul, {lr, v})});
    // The old momentum again, after its place has a new value.
    ScalarIndex old = b.load(m, {x(i)});
    b.store(m_out, {x(i)}, v);
    b.store(p_out, {x(i)}, b.op(ScalarOp::Add, {next, old}));
  });
  CHECK(check_kernel(b.finish(), 1e-5, -2, 2, {{{m_out, m}, {p_out, p}}}) == "");
}
