// Reductions along rows, columns and everything; several in one kernel; softmax.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/codegen_cpu/kernel_builder.h"
#include "tests/codegen_cpu/run_kernel.h"

using namespace tarn;
using namespace tarn::testing;

namespace {

const Shape kShapes[] = {{32, 64}, {1, 1}, {7, 10}, {10, 7}, {3, 100}, {100, 3}, {5, 17}, {0, 4}, {4, 0}, {200, 129}};

Kernel reduce_rows(ReduceKind kind, DType dtype, const Shape& shape) {
  KernelBuilder b;
  BufferIndex in = b.in({dtype, shape});
  BufferIndex out = b.out({kind == ReduceKind::ArgMax ? DType::I32 : dtype, {shape[0]}});
  VariableIndex i = b.variable(shape[0]), j = b.variable(shape[1]);
  b.loop(i, [&] { b.store(out, {x(i)}, b.reduce(kind, {j}, [&] { return b.load(in, {x(i), x(j)}); })); });
  return b.finish();
}

Kernel reduce_columns(ReduceKind kind, DType dtype, const Shape& shape) {
  KernelBuilder b;
  BufferIndex in = b.in({dtype, shape});
  BufferIndex out = b.out({kind == ReduceKind::ArgMax ? DType::I32 : dtype, {shape[1]}});
  VariableIndex i = b.variable(shape[0]), j = b.variable(shape[1]);
  b.loop(j, [&] { b.store(out, {x(j)}, b.reduce(kind, {i}, [&] { return b.load(in, {x(i), x(j)}); })); });
  return b.finish();
}

Kernel reduce_all(ReduceKind kind, DType dtype, const Shape& shape) {
  KernelBuilder b;
  BufferIndex in = b.in({dtype, shape}), out = b.out({dtype, {}});
  VariableIndex i = b.variable(shape[0]), j = b.variable(shape[1]);
  b.store(out, {}, b.reduce(kind, {i, j}, [&] { return b.load(in, {x(i), x(j)}); }));
  return b.finish();
}

}  // namespace

TEST_CASE("every kind along rows and columns") {
  for (ReduceKind kind : {ReduceKind::Sum, ReduceKind::Max, ReduceKind::Min, ReduceKind::ArgMax}) {
    for (const Shape& shape : kShapes) {
      if (kind == ReduceKind::ArgMax && element_count(shape) == 0) continue;
      for (DType dtype : {DType::F32, DType::F64, DType::I32}) {
        CAPTURE(static_cast<int>(kind));
        CHECK(check_kernel(reduce_rows(kind, dtype, shape), 1e-5) == "");
        CHECK(check_kernel(reduce_columns(kind, dtype, shape), 1e-5) == "");
      }
    }
  }
  CHECK(check_kernel(reduce_rows(ReduceKind::Prod, DType::F32, {9, 33}), 1e-4, 0.5, 1.5) == "");
  CHECK(check_kernel(reduce_rows(ReduceKind::Max, DType::U8, {9, 33})) == "");
  CHECK(check_kernel(reduce_rows(ReduceKind::Max, DType::Bool, {9, 5})) == "");
}

TEST_CASE("everything to a scalar") {
  for (const Shape& shape : kShapes) {
    CHECK(check_kernel(reduce_all(ReduceKind::Sum, DType::F32, shape), 1e-5) == "");
    CHECK(check_kernel(reduce_all(ReduceKind::Max, DType::F32, shape)) == "");
  }
  CHECK(check_kernel(reduce_all(ReduceKind::Sum, DType::F64, {1, 1000})) == "");
}

TEST_CASE("argmax takes the first of equals, and 0 where all are -infinity") {
  for (int64_t size : {2, 10, 16, 40, 200}) {
    Kernel kernel = reduce_rows(ReduceKind::ArgMax, DType::F32, {4, size});
    std::vector<Bytes> buffers = {Bytes(static_cast<size_t>(16 * size)), Bytes(16)};
    for (int64_t j = 0; j < size; ++j) {
      write_element(buffers[0], DType::F32, j, 1);
      write_element(buffers[0], DType::F32, size + j, -HUGE_VAL);
      write_element(buffers[0], DType::F32, 2 * size + j, j >= size / 2 ? 5 : 2);
      write_element(buffers[0], DType::F32, 3 * size + j, j == size - 1 ? HUGE_VAL : -3);
    }
    for (const std::string& cpu : runnable_cpus()) {
      REQUIRE(run_compiled(kernel, cpu, 1, buffers) == "");
      CHECK(read_element(buffers[1], DType::I32, 0) == 0);
      CHECK(read_element(buffers[1], DType::I32, 1) == 0);
      CHECK(read_element(buffers[1], DType::I32, 2) == static_cast<double>(size / 2));
      CHECK(read_element(buffers[1], DType::I32, 3) == static_cast<double>(size - 1));
    }
  }
}

TEST_CASE("a NaN anywhere is the maximum") {
  for (int64_t place : {0, 5, 16, 36}) {
    Kernel kernel = reduce_rows(ReduceKind::Max, DType::F32, {1, 37});
    std::vector<Bytes> buffers = {Bytes(37 * 4), Bytes(4)};
    for (int64_t j = 0; j < 37; ++j) write_element(buffers[0], DType::F32, j, j == place ? NAN : 1);
    for (const std::string& cpu : runnable_cpus()) {
      REQUIRE(run_compiled(kernel, cpu, 1, buffers) == "");
      CHECK(std::isnan(read_element(buffers[1], DType::F32, 0)));
    }
  }
}

TEST_CASE("softmax cross entropy with its gradient, in one kernel") {
  for (Shape shape : {Shape{32, 10}, Shape{3, 100}, Shape{5, 1}, Shape{64, 16}, Shape{500, 33}}) {
    KernelBuilder b;
    BufferIndex logits = b.in({DType::F32, shape}), label = b.in({DType::I32, {shape[0]}});
    BufferIndex loss = b.out({DType::F32, {shape[0]}}), gradient = b.out({DType::F32, shape});
    VariableIndex i = b.variable(shape[0]), j = b.variable(shape[1]);
    ScalarIndex scale = b.constant(1.0 / static_cast<double>(shape[0]));
    b.loop(i, [&] {
      ScalarIndex largest = b.reduce(ReduceKind::Max, {j}, [&] { return b.load(logits, {x(i), x(j)}); });
      ScalarIndex sum = b.reduce(ReduceKind::Sum, {j}, [&] {
        return b.op(ScalarOp::Exp, {b.op(ScalarOp::Sub, {b.load(logits, {x(i), x(j)}), largest})});
      });
      ScalarIndex target = b.load(label, {x(i)});
      b.loop(j, [&] {
        ScalarIndex e = b.op(ScalarOp::Exp, {b.op(ScalarOp::Sub, {b.load(logits, {x(i), x(j)}), largest})});
        ScalarIndex hit = b.cast(b.op(ScalarOp::Eq, {b.index(j), target}), DType::F32);
        ScalarIndex slope = b.op(ScalarOp::Sub, {b.op(ScalarOp::Div, {e, sum}), hit});
        b.store(gradient, {x(i), x(j)}, b.op(ScalarOp::Mul, {slope, scale}));
      });
      b.store(loss, {x(i)}, b.op(ScalarOp::Add, {b.op(ScalarOp::Log, {sum}), largest}));
    });
    CHECK(check_kernel(b.finish(), 1e-5) == "");
    // The same over the logits themselves.
  }
}

TEST_CASE("softmax in place") {
  KernelBuilder b;
  Shape shape = {9, 37};
  BufferIndex in = b.in({DType::F32, shape}), out = b.out({DType::F32, shape});
  VariableIndex i = b.variable(shape[0]), j = b.variable(shape[1]), k = b.variable(shape[1]);
  b.loop(i, [&] {
    ScalarIndex sum = b.reduce(ReduceKind::Sum, {k}, [&] { return b.op(ScalarOp::Exp, {b.load(in, {x(i), x(k)})}); });
    b.loop(j, [&] {
      b.store(out, {x(i), x(j)}, b.op(ScalarOp::Div, {b.op(ScalarOp::Exp, {b.load(in, {x(i), x(j)})}), sum}));
    });
  });
  CHECK(check_kernel(b.finish(), 1e-5, -2, 2, {{{out, in}}}) == "");
}

TEST_CASE("reductions inside reductions, and of constants") {
  KernelBuilder b;
  BufferIndex in = b.in({DType::F32, {6, 20}}), out = b.out({DType::F32, {}}), count = b.out({DType::F32, {}});
  VariableIndex i = b.variable(6), j = b.variable(20), k = b.variable(20);
  ScalarIndex one = b.constant(1);
  ScalarIndex sum = b.reduce(ReduceKind::Sum, {i}, [&] {
    ScalarIndex largest = b.reduce(ReduceKind::Max, {j}, [&] { return b.load(in, {x(i), x(j)}); });
    return b.reduce(ReduceKind::Sum, {k}, [&] { return b.op(ScalarOp::Sub, {b.load(in, {x(i), x(k)}), largest}); });
  });
  ScalarIndex steps = b.reduce(ReduceKind::Sum, {i, j}, [&] { return one; });
  b.store(out, {}, sum);
  b.store(count, {}, steps);
  CHECK(check_kernel(b.finish(), 1e-5) == "");
}

TEST_CASE("mean and variance over two axes of three") {
  KernelBuilder b;
  BufferIndex in = b.in({DType::F32, {4, 6, 35}}), mean = b.out({DType::F32, {6}}), var = b.out({DType::F32, {6}});
  VariableIndex n = b.variable(4), c = b.variable(6), s = b.variable(35);
  ScalarIndex scale = b.constant(1.0 / 140);
  b.loop(c, [&] {
    ScalarIndex total = b.reduce(ReduceKind::Sum, {n, s}, [&] { return b.load(in, {x(n), x(c), x(s)}); });
    ScalarIndex m = b.op(ScalarOp::Mul, {total, scale});
    ScalarIndex squares = b.reduce(ReduceKind::Sum, {n, s}, [&] {
      ScalarIndex d = b.op(ScalarOp::Sub, {b.load(in, {x(n), x(c), x(s)}), m});
      return b.op(ScalarOp::Mul, {d, d});
    });
    b.store(mean, {x(c)}, m);
    b.store(var, {x(c)}, b.op(ScalarOp::Mul, {squares, scale}));
  });
  CHECK(check_kernel(b.finish(), 1e-5) == "");
}
