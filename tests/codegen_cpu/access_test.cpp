// Accesses that are not plain rows: strides, reversals, transposition, padding, windows, dilation.
#include <doctest/doctest.h>

#include "tests/codegen_cpu/kernel_builder.h"
#include "tests/codegen_cpu/run_kernel.h"

using namespace tarn;
using namespace tarn::testing;

TEST_CASE("strides, reversal and offsets") {
  for (DType dtype : {DType::F32, DType::F64, DType::U8, DType::Bool, DType::I64}) {
    KernelBuilder b;
    BufferIndex in = b.in({dtype, {100}}), even = b.out({dtype, {40}}), back = b.out({dtype, {40}});
    BufferIndex shifted = b.out({dtype, {40}});
    VariableIndex i = b.variable(40);
    b.loop(i, [&] {
      b.store(even, {x(i)}, b.load(in, {x(i, 2)}));
      b.store(back, {x(i)}, b.load(in, {x(i, -1) + at(39)}));
      b.store(shifted, {x(i)}, b.load(in, {x(i) + at(7)}));
    });
    CHECK(check_kernel(b.finish()) == "");
  }
}

TEST_CASE("transposition") {
  for (Shape shape : {Shape{16, 16}, Shape{5, 37}, Shape{64, 3}, Shape{200, 150}}) {
    KernelBuilder b;
    BufferIndex in = b.in({DType::F32, shape}), out = b.out({DType::F32, {shape[1], shape[0]}});
    VariableIndex i = b.variable(shape[0]), j = b.variable(shape[1]);
    b.loops({j, i}, [&] { b.store(out, {x(j), x(i)}, b.load(in, {x(i), x(j)})); });
    CHECK(check_kernel(b.finish()) == "");
  }
}

TEST_CASE("padding reads as zero") {
  for (DType dtype : {DType::F32, DType::F64, DType::U8}) {
    KernelBuilder b;
    BufferIndex in = b.in({dtype, {5, 19}}), out = b.out({dtype, {9, 25}});
    VariableIndex i = b.variable(9), j = b.variable(25);
    b.loops({i, j}, [&] { b.store(out, {x(i), x(j)}, b.load(in, {x(i) + at(-2), x(j) + at(-3)}, true)); });
    CHECK(check_kernel(b.finish()) == "");
  }
}

TEST_CASE("convolution with padding, and with a stride") {
  for (int64_t stride : {1, 2}) {
    KernelBuilder b;
    int64_t h = 11, w = 18, f = 3, oh = (h - 1) / stride + 1, ow = (w - 1) / stride + 1;
    BufferIndex in = b.in({DType::F32, {2, 4, h, w}}), k = b.in({DType::F32, {5, 4, f, f}});
    BufferIndex out = b.out({DType::F32, {2, 5, oh, ow}});
    VariableIndex n = b.variable(2), o = b.variable(5), y = b.variable(oh), z = b.variable(ow);
    VariableIndex c = b.variable(4), p = b.variable(f), q = b.variable(f);
    b.loops({n, o, y, z}, [&] {
      ScalarIndex sum = b.reduce(ReduceKind::Sum, {c, p, q}, [&] {
        ScalarIndex pixel = b.load(in, {x(n), x(c), x(y, stride) + x(p) + at(-1), x(z, stride) + x(q) + at(-1)}, true);
        return b.op(ScalarOp::Mul, {pixel, b.load(k, {x(o), x(c), x(p), x(q)})});
      });
      b.store(out, {x(n), x(o), x(y), x(z)}, sum);
    });
    CHECK(check_kernel(b.finish(), 1e-5) == "");
  }
}

TEST_CASE("dilation: divided indices") {
  KernelBuilder b;
  BufferIndex in = b.in({DType::F32, {7, 9}}), out = b.out({DType::F32, {15, 30}});
  VariableIndex i = b.variable(15), j = b.variable(30);
  b.loops({i, j}, [&] { b.store(out, {x(i), x(j)}, b.load(in, {(x(i) + at(-1)) / 2, (x(j) + at(-2)) / 3}, true)); });
  CHECK(check_kernel(b.finish()) == "");
}

TEST_CASE("max over windows") {
  KernelBuilder b;
  BufferIndex in = b.in({DType::F32, {3, 10, 34}}), out = b.out({DType::F32, {3, 5, 17}});
  VariableIndex c = b.variable(3), y = b.variable(5), z = b.variable(17), p = b.variable(2), q = b.variable(2);
  b.loops({c, y, z}, [&] {
    b.store(out, {x(c), x(y), x(z)},
            b.reduce(ReduceKind::Max, {p, q}, [&] { return b.load(in, {x(c), x(y, 2) + x(p), x(z, 2) + x(q)}); }));
  });
  CHECK(check_kernel(b.finish()) == "");
}

TEST_CASE("rows of mixed ranks: a prefix domain with inner loops") {
  KernelBuilder b;
  BufferIndex in = b.in({DType::F32, {6, 20}}), scale = b.in({DType::F32, {6}});
  BufferIndex out = b.out({DType::F32, {6, 20}}), sum = b.out({DType::F32, {6}});
  VariableIndex i = b.variable(6), j = b.variable(20);
  b.loop(i, [&] {
    ScalarIndex s = b.load(scale, {x(i)});
    b.loop(j, [&] { b.store(out, {x(i), x(j)}, b.op(ScalarOp::Mul, {s, b.load(in, {x(i), x(j)})})); });
    b.store(sum, {x(i)}, b.reduce(ReduceKind::Sum, {j}, [&] { return b.load(in, {x(i), x(j)}); }));
  });
  CHECK(check_kernel(b.finish()) == "");
}

TEST_CASE("no domain: scalars only") {
  KernelBuilder b;
  BufferIndex step = b.in({DType::I64, {}}), rate = b.in({DType::F64, {}}), out = b.out({DType::F64, {}});
  BufferIndex next = b.out({DType::I64, {}});
  ScalarIndex t = b.load(step, {});
  b.store(next, {}, b.op(ScalarOp::Add, {t, b.constant(1, DType::I64)}));
  ScalarIndex power = b.op(ScalarOp::Pow, {b.constant(0.9, DType::F64), b.cast(t, DType::F64)});
  b.store(out, {}, b.op(ScalarOp::Mul, {b.load(rate, {}), power}));
  CHECK(check_kernel(b.finish(), 1e-12, -2, 2, {{{next, step}}}) == "");
}

TEST_CASE("small strides: vectors taken apart and put together") {
  for (DType dtype : {DType::F32, DType::F64, DType::U8, DType::Bool}) {
    for (int64_t parts : {2, 3, 4}) {
      for (int64_t width : dtype == DType::F32 ? std::vector<int64_t>{1, 16, 35} : std::vector<int64_t>{37}) {
        KernelBuilder b;
        Type half{dtype, {3, width}}, full{dtype, {3, width, parts}}, flat{dtype, {3, width * parts}};
        BufferIndex spread = b.in(half), in = b.in(flat), out = b.out(full);
        VariableIndex i = b.variable(3), j = b.variable(width), r = b.variable(parts);
        ScalarIndex zero = b.constant(0, dtype);
        b.loops({i, j, r}, [&] {
          ScalarIndex value = b.load(in, {x(i), x(j, parts) + x(r)});
          b.store(out, {x(i), x(j), x(r)},
                  b.op(ScalarOp::Select, {b.op(ScalarOp::Eq, {value, zero}), zero, b.load(spread, {x(i), x(j)})}));
        });
        CHECK(check_kernel(b.finish()) == "");
      }
    }
  }
}

TEST_CASE("put together over what the kernel reads") {
  KernelBuilder b;
  Type full{DType::F32, {40, 2}};
  BufferIndex in = b.in(full), scale = b.in({DType::F32, {40}}), out = b.out(full), doubled = b.out(full);
  VariableIndex j = b.variable(40), r = b.variable(2);
  b.loops({j, r}, [&] {
    ScalarIndex value = b.op(ScalarOp::Mul, {b.load(in, {x(j), x(r)}), b.load(scale, {x(j)})});
    b.store(doubled, {x(j), x(r)}, b.op(ScalarOp::Add, {value, value}));
    b.store(out, {x(j), x(r)}, value);
  });
  CHECK(check_kernel(b.finish(), 1e-6, -2, 2, {{{out, in}}}) == "");
}
