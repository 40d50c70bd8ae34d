// Matrix products in register tiles: layouts, remainders, batches, byte operands, epilogues with several outputs.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "codegen/target/cpu/cpu.h"
#include "tests/codegen_cpu/kernel_builder.h"
#include "tests/codegen_cpu/run_kernel.h"

using namespace tarn;
using namespace tarn::testing;

namespace {

struct Layout {
  bool transposed_a = false, transposed_b = false;
};

Kernel product(int64_t m, int64_t n, int64_t k, Layout layout = {}, DType dtype = DType::F32) {
  KernelBuilder b;
  BufferIndex lhs = b.in({dtype, layout.transposed_a ? Shape{k, m} : Shape{m, k}});
  BufferIndex rhs = b.in({dtype, layout.transposed_b ? Shape{n, k} : Shape{k, n}});
  BufferIndex out = b.out({dtype, {m, n}});
  VariableIndex i = b.variable(m), j = b.variable(n), p = b.variable(k);
  b.loops({i, j}, [&] {
    ScalarIndex sum = b.reduce(ReduceKind::Sum, {p}, [&] {
      ScalarIndex left = layout.transposed_a ? b.load(lhs, {x(p), x(i)}) : b.load(lhs, {x(i), x(p)});
      ScalarIndex right = layout.transposed_b ? b.load(rhs, {x(j), x(p)}) : b.load(rhs, {x(p), x(j)});
      return b.op(ScalarOp::Mul, {left, right});
    });
    b.store(out, {x(i), x(j)}, sum);
  });
  return b.finish();
}

}  // namespace

TEST_CASE("products of many shapes") {
  int64_t shapes[][3] = {{32, 64, 784}, {64, 784, 32}, {1, 64, 100}, {32, 10, 32}, {10, 1, 10}, {1, 1, 50},
                         {17, 33, 5},   {6, 65, 3},    {29, 16, 1},  {5, 31, 0},   {0, 4, 4},   {13, 2, 7}};
  for (const auto& [m, n, k] : shapes) {
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    CHECK(check_kernel(product(m, n, k), 1e-5, -1, 1) == "");
  }
}

TEST_CASE("transposed operands") {
  for (bool a : {false, true}) {
    for (bool t : {false, true}) {
      CHECK(check_kernel(product(33, 40, 21, {a, t}), 1e-5, -1, 1) == "");
      CHECK(check_kernel(product(7, 3, 64, {a, t}), 1e-5, -1, 1) == "");
      CHECK(check_kernel(product(1, 19, 35, {a, t}), 1e-5, -1, 1) == "");
    }
  }
}

TEST_CASE("f64 and integers") {
  CHECK(check_kernel(product(9, 21, 30, {}, DType::F64), 1e-12) == "");
  CHECK(check_kernel(product(9, 21, 30, {}, DType::I32)) == "");
}

TEST_CASE("large enough for threads") {
  CHECK(check_kernel(product(100, 200, 150), 1e-4, -1, 1) == "");
  CHECK(check_kernel(product(300, 70, 64, {true, false}), 1e-4, -1, 1) == "");
  CHECK(check_kernel(product(500, 3, 64), 1e-4, -1, 1) == "");
}

TEST_CASE("batches before and between") {
  KernelBuilder b;
  BufferIndex lhs = b.in({DType::F32, {3, 10, 2, 8}}), rhs = b.in({DType::F32, {3, 12, 2, 8}});
  BufferIndex out = b.out({DType::F32, {3, 2, 10, 12}});
  VariableIndex n = b.variable(3), h = b.variable(2), t = b.variable(10), s = b.variable(12), k = b.variable(8);
  b.loops({n, h, t, s}, [&] {  // btnk,bsnk->bnts, both contiguous in k
    ScalarIndex sum = b.reduce(ReduceKind::Sum, {k}, [&] {
      return b.op(ScalarOp::Mul, {b.load(lhs, {x(n), x(t), x(h), x(k)}), b.load(rhs, {x(n), x(s), x(h), x(k)})});
    });
    b.store(out, {x(n), x(h), x(t), x(s)}, sum);
  });
  CHECK(check_kernel(b.finish()) == "");
}

TEST_CASE("two contracted dimensions") {
  KernelBuilder b;
  BufferIndex lhs = b.in({DType::F32, {4, 9, 5}}), rhs = b.in({DType::F32, {4, 5, 40}}),
              out = b.out({DType::F32, {9, 40}});
  VariableIndex i = b.variable(9), j = b.variable(40), p = b.variable(4), q = b.variable(5);
  b.loops({i, j}, [&] {
    b.store(out, {x(i), x(j)}, b.reduce(ReduceKind::Sum, {p, q}, [&] {
      return b.op(ScalarOp::Mul, {b.load(lhs, {x(p), x(i), x(q)}), b.load(rhs, {x(p), x(q), x(j)})});
    }));
  });
  CHECK(check_kernel(b.finish()) == "");
}

TEST_CASE("bytes scaled in the reduction, bias and relu after it") {
  KernelBuilder b;
  int64_t m = 32, n = 64, k = 196;
  BufferIndex image = b.in({DType::U8, {m, k}}), w = b.in({DType::F32, {k, n}}), bias = b.in({DType::F32, {n}});
  BufferIndex out = b.out({DType::F32, {m, n}}), positive = b.out({DType::Bool, {m, n}});
  ScalarIndex scale = b.constant(1.0 / 255), zero = b.constant(0);
  VariableIndex i = b.variable(m), j = b.variable(n), p = b.variable(k);
  b.loops({i, j}, [&] {
    ScalarIndex sum = b.reduce(ReduceKind::Sum, {p}, [&] {
      ScalarIndex pixel = b.op(ScalarOp::Mul, {b.cast(b.load(image, {x(i), x(p)}), DType::F32), scale});
      return b.op(ScalarOp::Mul, {pixel, b.load(w, {x(p), x(j)})});
    });
    ScalarIndex h = b.op(ScalarOp::Add, {sum, b.load(bias, {x(j)})});
    b.store(out, {x(i), x(j)}, b.op(ScalarOp::Max, {h, zero}));
    b.store(positive, {x(i), x(j)}, b.op(ScalarOp::Gt, {h, zero}));
  });
  CHECK(check_kernel(b.finish(), 1e-4) == "");
}

TEST_CASE("an optimizer step after the gradient of a weight, in place") {
  KernelBuilder b;
  int64_t m = 50, n = 33, k = 32;
  BufferIndex input = b.in({DType::F32, {k, m}}), slope = b.in({DType::F32, {k, n}});
  BufferIndex w = b.in({DType::F32, {m, n}}), s = b.in({DType::F32, {m, n}}), rate = b.in({DType::F32, {}});
  BufferIndex s_out = b.out({DType::F32, {m, n}}), w_out = b.out({DType::F32, {m, n}});
  ScalarIndex lr = b.load(rate, {}), decay = b.constant(0.9), rest = b.constant(0.1), epsilon = b.constant(1e-3);
  VariableIndex i = b.variable(m), j = b.variable(n), p = b.variable(k);
  b.loops({i, j}, [&] {
    ScalarIndex g = b.reduce(ReduceKind::Sum, {p}, [&] {
      return b.op(ScalarOp::Mul, {b.load(input, {x(p), x(i)}), b.load(slope, {x(p), x(j)})});
    });
    ScalarIndex square = b.op(ScalarOp::Mul, {b.op(ScalarOp::Mul, {g, g}), rest});
    ScalarIndex next = b.op(ScalarOp::Fma, {b.load(s, {x(i), x(j)}), decay, square});
    ScalarIndex root = b.op(ScalarOp::Add, {b.op(ScalarOp::Sqrt, {next}), epsilon});
    ScalarIndex step = b.op(ScalarOp::Div, {b.op(ScalarOp::Mul, {lr, g}), root});
    ScalarIndex moved = b.op(ScalarOp::Sub, {b.load(w, {x(i), x(j)}), step});
    b.store(s_out, {x(i), x(j)}, next);
    b.store(w_out, {x(i), x(j)}, moved);
  });
  Kernel kernel = b.finish();
  CHECK(check_kernel(kernel, 1e-4, 0.1, 2, {{{s_out, s}, {w_out, w}}}) == "");
}

TEST_CASE("distances: a reduction that is no product") {
  KernelBuilder b;
  BufferIndex lhs = b.in({DType::F32, {12, 9}}), rhs = b.in({DType::F32, {9, 50}}), out = b.out({DType::F32, {12, 50}});
  VariableIndex i = b.variable(12), j = b.variable(50), p = b.variable(9);
  b.loops({i, j}, [&] {
    b.store(out, {x(i), x(j)}, b.reduce(ReduceKind::Max, {p}, [&] {
      return b.op(ScalarOp::Abs, {b.op(ScalarOp::Sub, {b.load(lhs, {x(i), x(p)}), b.load(rhs, {x(p), x(j)})})});
    }));
  });
  CHECK(check_kernel(b.finish()) == "");
}
