// Times single kernels as the CPU back end makes them: products of the zoo's nets, in GFLOP/s beside the FMA loop.
//   kernel_bench [--cpu LEVEL] [--asm] [part of a name ...]
#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <ctime>

#include "codegen/target/cpu/cpu.h"
#include "tests/codegen_cpu/einsum_kernel.h"
#include "tests/codegen_cpu/kernel_builder.h"
#include "tests/codegen_cpu/run_kernel.h"

using namespace tarn;
using namespace tarn::testing;

namespace {

struct Case {
  std::string name;
  Kernel kernel;
};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void add_convolution(std::vector<Case>& cases, const std::string& name, LabelSizes n, bool first) {
  cases.push_back({name + " forward", einsum_kernel("b,f,h,w = b,c,h+r,w+s * f,c,r,s", n)});
  cases.push_back({name + " weight", einsum_kernel("f,c,r,s = b,f,h,w * b,c,h+r,w+s", n)});
  if (first) return;
  std::string flipped = fmt::format("b,c,h,w = b,f,h+r,w+s * f,c,{}-r,{}-s", n.at('r') - 1, n.at('s') - 1);
  n['h'] += n.at('r') - 1;  // the unpadded input
  n['w'] += n.at('s') - 1;
  if (n.at('r') == 3) {
    n['h'] -= 2;
    n['w'] -= 2;
  }
  cases.push_back({name + " input", einsum_kernel(flipped, n)});
}

void add_product(std::vector<Case>& cases, const std::string& name, int64_t m, int64_t n, int64_t k) {
  LabelSizes sizes{{'m', m}, {'n', n}, {'k', k}};
  cases.push_back({name + " forward", einsum_kernel("m,n = m,k * k,n", sizes)});
  cases.push_back({name + " input", einsum_kernel("m,k = m,n * k,n", sizes)});
  cases.push_back({name + " weight", einsum_kernel("k,n = m,k * m,n", sizes)});
}

Case pooling(int64_t planes, int64_t size) {
  KernelBuilder b;
  BufferIndex in = b.in({DType::F32, {planes, 2 * size, 2 * size}}), out = b.out({DType::F32, {planes, size, size}});
  VariableIndex p = b.variable(planes), h = b.variable(size), w = b.variable(size), r = b.variable(2),
                s = b.variable(2);
  b.loops({p, h, w}, [&] {
    b.store(out, {x(p), x(h), x(w)},
            b.reduce(ReduceKind::Max, {r, s}, [&] { return b.load(in, {x(p), x(h, 2) + x(r), x(w, 2) + x(s)}); }));
  });
  return {fmt::format("max pool {}", size), b.finish()};
}

// The gradient's mask: where an element is its window's maximum it gets the window's slope.
Case pooling_gradient(int64_t planes, int64_t size) {
  KernelBuilder b;
  Type full{DType::F32, {planes, size, 2, size, 2}}, pooled{DType::F32, {planes, size, size}};
  BufferIndex in = b.in(full), best = b.in(pooled), slope = b.in(pooled), out = b.out(full);
  ScalarIndex zero = b.constant(0);
  VariableIndex p = b.variable(planes), h = b.variable(size), r = b.variable(2), w = b.variable(size),
                s = b.variable(2);
  b.loops({p, h, r, w, s}, [&] {
    ScalarIndex equal =
        b.op(ScalarOp::Eq, {b.load(in, {x(p), x(h), x(r), x(w), x(s)}), b.load(best, {x(p), x(h), x(w)})});
    b.store(out, {x(p), x(h), x(r), x(w), x(s)},
            b.op(ScalarOp::Select, {equal, b.load(slope, {x(p), x(h), x(w)}), zero}));
  });
  return {fmt::format("max pool {} gradient", size), b.finish()};
}

Case row_softmax(int64_t rows, int64_t columns) {
  KernelBuilder b;
  BufferIndex in = b.in({DType::F32, {rows, columns}}), out = b.out({DType::F32, {rows, columns}});
  VariableIndex i = b.variable(rows), j = b.variable(columns);
  b.loop(i, [&] {
    ScalarIndex best = b.reduce(ReduceKind::Max, {j}, [&] { return b.load(in, {x(i), x(j)}); });
    auto power = [&] { return b.op(ScalarOp::Exp, {b.op(ScalarOp::Sub, {b.load(in, {x(i), x(j)}), best})}); };
    ScalarIndex sum = b.reduce(ReduceKind::Sum, {j}, power);
    b.loop(j, [&] { b.store(out, {x(i), x(j)}, b.op(ScalarOp::Div, {power(), sum})); });
  });
  return {"softmax", b.finish()};
}

Case channel_sum(int64_t batch, int64_t channels, int64_t pixels) {
  KernelBuilder b;
  BufferIndex in = b.in({DType::F32, {batch, channels, pixels}}), out = b.out({DType::F32, {channels}});
  VariableIndex n = b.variable(batch), c = b.variable(channels), q = b.variable(pixels);
  b.loop(c, [&] {
    b.store(out, {x(c)}, b.reduce(ReduceKind::Sum, {n, q}, [&] { return b.load(in, {x(n), x(c), x(q)}); }));
  });
  return {"channel sum", b.finish()};
}

Case column_sum(int64_t rows, int64_t columns) {
  KernelBuilder b;
  BufferIndex in = b.in({DType::F32, {rows, columns}}), out = b.out({DType::F32, {columns}});
  VariableIndex i = b.variable(rows), j = b.variable(columns);
  b.loop(j, [&] { b.store(out, {x(j)}, b.reduce(ReduceKind::Sum, {i}, [&] { return b.load(in, {x(i), x(j)}); })); });
  return {"column sum", b.finish()};
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  add_convolution(cases, "lenet1", {{'b', 64}, {'f', 6}, {'c', 1}, {'h', 28}, {'w', 28}, {'r', 5}, {'s', 5}}, true);
  add_convolution(cases, "lenet2", {{'b', 64}, {'f', 16}, {'c', 6}, {'h', 10}, {'w', 10}, {'r', 5}, {'s', 5}}, false);
  add_convolution(cases, "cifar1", {{'b', 64}, {'f', 32}, {'c', 3}, {'h', 32}, {'w', 32}, {'r', 3}, {'s', 3}}, true);
  add_convolution(cases, "cifar2", {{'b', 64}, {'f', 32}, {'c', 32}, {'h', 32}, {'w', 32}, {'r', 3}, {'s', 3}}, false);
  add_convolution(cases, "cifar3", {{'b', 64}, {'f', 64}, {'c', 32}, {'h', 16}, {'w', 16}, {'r', 3}, {'s', 3}}, false);
  add_convolution(cases, "cifar4", {{'b', 64}, {'f', 64}, {'c', 64}, {'h', 16}, {'w', 16}, {'r', 3}, {'s', 3}}, false);
  add_product(cases, "cifar fc", 64, 256, 4096);
  add_product(cases, "mlp 784-512", 128, 512, 784);
  add_product(cases, "mlp 512-512", 128, 512, 512);
  add_product(cases, "transformer 128-128", 768, 128, 128);
  add_product(cases, "transformer 128-512", 768, 512, 128);
  add_product(cases, "transformer 512-128", 768, 128, 512);
  add_product(cases, "logits", 768, 65, 128);
  LabelSizes heads{{'b', 12}, {'t', 64}, {'s', 64}, {'n', 4}, {'k', 32}};
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"attention scores", "b,n,t,s = b,t,n,k * b,s,n,k"},
           {"attention values", "b,t,n,k = b,n,t,s * b,s,n,k"},
           {"attention value gradient", "b,s,n,k = b,n,t,s * b,t,n,k"},
       }) {
    cases.push_back({name, einsum_kernel(text, heads)});
  }
  cases.push_back(pooling(64 * 32, 16));
  cases.push_back(pooling(64 * 16, 5));
  cases.push_back(pooling_gradient(64 * 32, 16));
  cases.push_back(row_softmax(12 * 4 * 64, 64));
  cases.push_back(channel_sum(64, 32, 1024));
  cases.push_back(column_sum(768, 512));
  return cases;
}

// GFLOP/s of this core now: multiply-adds in registers, as generated code.
double ceiling() {
  static const Kernel kernel = einsum_kernel("m,n = m,k * k,n", {{'m', 28}, {'n', 128}, {'k', 128}});
  TargetOptions options;
  static const std::unique_ptr<JitProgram> code = std::move(*jit(program_of(kernel), options));
  static Arena arena(program_of(kernel).arena_bytes);
  double start = cpu_seconds();
  constexpr int kRuns = 2000;
  for (int run = 0; run < kRuns; ++run) run_entry(code->program()->train_step, arena.data(), 1);
  return cost_of(kernel).flops * kRuns / (cpu_seconds() - start) * 1e-9;
}

void time_case(const Case& test, const std::string& cpu) {
  Program program = program_of(test.kernel);
  TargetOptions options;
  options.cpu = cpu;
  auto before = std::chrono::steady_clock::now();
  Result<std::unique_ptr<JitProgram>> compiled = jit(program, options);
  std::chrono::duration<double, std::milli> compile_time = std::chrono::steady_clock::now() - before;
  if (!compiled) return fmt::print("{}: {}\n", test.name, compiled.error().message);
  Arena arena(program.arena_bytes);
  for (uint64_t i = 0; i + 4 <= arena.size(); i += 4) {
    float value = static_cast<float>((i / 4 * 2654435761U) % 1000) / 1000 - 0.5F;
    std::memcpy(arena.data() + i, &value, 4);
  }
  const tarn_entry& entry = (*compiled)->program()->train_step;
  auto run = [&](int count) {
    double start = cpu_seconds();
    for (int i = 0; i < count; ++i) run_entry(entry, arena.data(), 1);
    return (cpu_seconds() - start) / count;
  };
  double once = std::min(run(1), run(1));
  int count = static_cast<int>(std::clamp(0.02 / once, 1.0, 20000.0));
  double best = once;
  for (int round = 0; round < 4; ++round) best = std::min(best, run(count));
  double peak = ceiling();
  KernelCost cost = cost_of(test.kernel);
  double rate = cost.flops / best * 1e-9;
  fmt::print("{:32} {:10.1f} us {:8.1f} GFLOP/s {:5.1f} % {:7.1f} GB/s  compiled in {:.0f} ms\n", test.name, best * 1e6,
             rate, 100 * rate / peak, cost.bytes / best * 1e-9, compile_time.count());
}

}  // namespace

int main(int argc, char** argv) {
  std::string cpu = "native";
  bool is_assembly = false;
  std::vector<std::string> parts;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--cpu" && i + 1 < argc) {
      cpu = argv[++i];
    } else if (argument == "--asm") {
      is_assembly = true;
    } else {
      parts.push_back(argument);
    }
  }
  for (const Case& test : all_cases()) {
    bool wanted = parts.empty();
    for (const std::string& part : parts) wanted |= test.name.find(part) != std::string::npos;
    if (!wanted) continue;
    if (is_assembly) {
      TargetOptions options;
      options.cpu = cpu;
      fmt::print("# {}\n{}\n{}\n", test.name, print(test.kernel),
                 *emit_cpu(program_of(test.kernel), options, EmitKind::Assembly));
    } else {
      time_case(test, cpu);
      std::fflush(stdout);
    }
  }
}
