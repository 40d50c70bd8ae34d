// Golden files: tests/golden/schedules/NAME.txt holds a kernel and its schedules for two processors, of which none is
// the machine that runs the test.  TARN_BLESS=1 rewrites the files; look at the diff.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "codegen/target/cpu/schedule/schedule.h"
#include "tests/codegen_cpu/einsum_kernel.h"
#include "tests/codegen_cpu/kernel_builder.h"

namespace tarn::testing {

namespace {

constexpr DType F32 = DType::F32;

// Names for buffers and, a letter each, for variables, as a reader would give them.
Kernel named(Kernel kernel, const std::string& name, std::initializer_list<const char*> buffers,
             const std::string& variables) {
  kernel.name = name;
  REQUIRE(buffers.size() == kernel.buffers.size());
  REQUIRE(variables.size() == kernel.variables.size());
  for (size_t b = 0; b < buffers.size(); ++b) kernel.buffers[b].name = buffers.begin()[b];
  for (size_t v = 0; v < variables.size(); ++v) kernel.variables[v].name = variables[v];
  return kernel;
}

Kernel elementwise() {
  KernelBuilder k;
  BufferIndex x_in = k.in({F32, {128, 500}}), bias = k.in({F32, {500}}), y = k.out({F32, {128, 500}});
  VariableIndex i = k.variable(128), j = k.variable(500);
  k.loops({i, j}, [&] {
    ScalarIndex sum = k.op(ScalarOp::Add, {k.load(x_in, {x(i), x(j)}), k.load(bias, {x(j)})});
    k.store(y, {x(i), x(j)}, k.op(ScalarOp::Tanh, {sum}));
  });
  return named(k.finish(), "elementwise", {"x", "bias", "y"}, "ij");
}

Kernel softmax() {
  KernelBuilder k;
  BufferIndex x_in = k.in({F32, {512, 100}}), y = k.out({F32, {512, 100}});
  VariableIndex i = k.variable(512), m = k.variable(100), s = k.variable(100), j = k.variable(100);
  k.loop(i, [&] {
    ScalarIndex most = k.reduce(ReduceKind::Max, {m}, [&] { return k.load(x_in, {x(i), x(m)}); });
    auto part = [&](VariableIndex v) {
      return k.op(ScalarOp::Exp, {k.op(ScalarOp::Sub, {k.load(x_in, {x(i), x(v)}), most})});
    };
    ScalarIndex sum = k.reduce(ReduceKind::Sum, {s}, [&] { return part(s); });
    k.loop(j, [&] { k.store(y, {x(i), x(j)}, k.op(ScalarOp::Div, {part(j), sum})); });
  });
  return named(k.finish(), "softmax", {"x", "y"}, "imsj");
}

// The gradient of a weight, w - lr * (0.9 * v + x^T dy) in its epilogue.
Kernel product_with_momentum() {
  KernelBuilder k;
  BufferIndex x_in = k.in({F32, {128, 784}}), dy = k.in({F32, {128, 64}});
  BufferIndex w = k.in({F32, {784, 64}}), v = k.in({F32, {784, 64}}), lr = k.in({F32, {}});
  BufferIndex new_w = k.out({F32, {784, 64}}), new_v = k.out({F32, {784, 64}});
  VariableIndex i = k.variable(784), j = k.variable(64), b = k.variable(128);
  ScalarIndex rate = k.load(lr, {}), momentum = k.constant(0.9);
  k.loops({i, j}, [&] {
    ScalarIndex gradient = k.reduce(ReduceKind::Sum, {b}, [&] {
      return k.op(ScalarOp::Mul, {k.load(x_in, {x(b), x(i)}), k.load(dy, {x(b), x(j)})});
    });
    ScalarIndex old = k.op(ScalarOp::Mul, {k.load(v, {x(i), x(j)}), momentum});
    ScalarIndex moved = k.op(ScalarOp::Add, {old, gradient});
    k.store(new_v, {x(i), x(j)}, moved);
    ScalarIndex step = k.op(ScalarOp::Mul, {moved, rate});
    k.store(new_w, {x(i), x(j)}, k.op(ScalarOp::Sub, {k.load(w, {x(i), x(j)}), step}));
  });
  return named(k.finish(), "product_with_momentum", {"x", "dy", "w", "v", "lr", "new_w", "new_v"}, "ijb");
}

Kernel wide_product() {
  Kernel kernel = einsum_kernel("i,j = i,k * k,j", {{'i', 512}, {'j', 1024}, {'k', 1000}});
  return named(kernel, "wide_product", {"x", "w", "y"}, "ijk");
}

// Its smaller tiles have too few results to hide latency: several sums for each.
Kernel small_product() {
  Kernel kernel = einsum_kernel("i,j = i,k * k,j", {{'i', 7}, {'j', 100}, {'k', 64}});
  return named(kernel, "small_product", {"x", "w", "y"}, "ijk");
}

Kernel convolution() {
  LabelSizes sizes{{'b', 32}, {'f', 16}, {'h', 28}, {'w', 28}, {'c', 6}, {'r', 5}, {'s', 5}};
  Kernel kernel = einsum_kernel("b,f,h,w = b,c,h+r,w+s * f,c,r,s", sizes);
  return named(kernel, "convolution", {"x", "filter", "y"}, "bfhwcrs");
}

// The gradient of a convolution's filter: a sum over images and pixels that no cache holds.
Kernel long_sum() {
  LabelSizes sizes{{'b', 128}, {'f', 64}, {'h', 16}, {'w', 16}, {'c', 64}, {'r', 3}, {'s', 3}};
  Kernel kernel = einsum_kernel("f,c,r,s = b,c,h+r,w+s * b,f,h,w", sizes);
  return named(kernel, "long_sum", {"x", "dy", "dfilter"}, "fcrsbhw");
}

Kernel transposition() {
  KernelBuilder k;
  BufferIndex x_in = k.in({F32, {200, 304}}), y = k.out({F32, {304, 200}});
  VariableIndex i = k.variable(304), j = k.variable(200);
  k.loops({i, j}, [&] { k.store(y, {x(i), x(j)}, k.load(x_in, {x(j), x(i)})); });
  return named(k.finish(), "transposition", {"x", "y"}, "ij");
}

Kernel pooling() {
  KernelBuilder k;
  BufferIndex x_in = k.in({F32, {96, 28, 28}}), y = k.out({F32, {96, 14, 14}});
  VariableIndex c = k.variable(96), h = k.variable(14), w = k.variable(14), r = k.variable(2), s = k.variable(2);
  k.loops({c, h, w}, [&] {
    ScalarIndex most =
        k.reduce(ReduceKind::Max, {r, s}, [&] { return k.load(x_in, {x(c), x(h, 2) + x(r), x(w, 2) + x(s)}); });
    k.store(y, {x(c), x(h), x(w)}, most);
  });
  return named(k.finish(), "pooling", {"x", "y"}, "chwrs");
}

std::string text_of(const Kernel& kernel) {
  std::string text = print(kernel);
  for (const char* cpu : {"x86-64-v3", "x86-64-v4"}) {
    text += std::string("\n// ") + cpu + "\n" + print(plan(kernel, *find_cpu(cpu)));
  }
  return text;
}

}  // namespace

TEST_CASE("golden files of schedules") {
  for (Kernel (*make)() : {elementwise, softmax, product_with_momentum, wide_product, small_product, convolution,
                           long_sum, transposition, pooling}) {
    Kernel kernel = make();
    std::string path = std::string(TARN_SOURCE_DIR) + "/tests/golden/schedules/" + kernel.name + ".txt";
    std::string actual = text_of(kernel);
    if (std::getenv("TARN_BLESS")) {
      std::ofstream(path, std::ios::binary) << actual;
      continue;
    }
    std::ifstream in(path, std::ios::binary);
    std::stringstream expected;
    expected << in.rdbuf();
    CHECK_MESSAGE(actual == expected.str(), path, " differs; it is now:\n", actual,
                  "\naccept it: TARN_BLESS=1 ctest -R schedule_test\n");
  }
}

}  // namespace tarn::testing
