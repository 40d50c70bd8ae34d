// Register tiles of the CPU target stay in registers.
#include <doctest/doctest.h>

#include <sstream>

#include "codegen/target/target.h"
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

// llvm marks what it moves through the stack; a loop with such a line runs at half speed.
TEST_CASE("inner loops of products do not spill") {
  int64_t shapes[][3] = {{32, 64, 784}, {64, 784, 32}, {32, 32, 64}, {128, 512, 784}, {256, 256, 256}, {32, 10, 32}};
  for (const auto& [m, n, k] : shapes) {
    for (Layout layout : {Layout{false, false}, Layout{true, false}}) {
      for (const char* cpu : {"x86-64-v3", "x86-64-v4"}) {
        TargetOptions options;
        options.cpu = cpu;
        Result<std::string> assembly = emit_cpu(program_of(product(m, n, k, layout)), options, EmitKind::Assembly);
        REQUIRE(assembly);
        std::istringstream lines(*assembly);
        std::string line, block;
        int products = 0;
        bool spills = false;
        while (std::getline(lines, line)) {
          if (line.starts_with(".LBB")) {
            products = 0;
            spills = false;
          }
          products += line.find("vfmadd") != std::string::npos;
          spills |= line.find("Spill") != std::string::npos || line.find("Reload") != std::string::npos;
          if (line.find("\tjne\t") != std::string::npos && products > 4) {
            CAPTURE(cpu);
            CAPTURE(m);
            CAPTURE(n);
            CAPTURE(k);
            CHECK_FALSE(spills);
          }
        }
      }
    }
  }
}
