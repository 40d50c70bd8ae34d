// Programs of several kernels: tables, barriers, the check of the loss, copies, tracing.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "tests/codegen_cpu/kernel_builder.h"
#include "tests/codegen_cpu/run_kernel.h"

using namespace tarn;
using namespace tarn::testing;

namespace {

constexpr int64_t kSize = 200000;

// out[i] = in[size - 1 - i] + 1: each thread reads what another wrote.
Kernel reverse(const char* name) {
  KernelBuilder b(name);
  BufferIndex in = b.in({DType::F32, {kSize}}), out = b.out({DType::F32, {kSize}});
  VariableIndex i = b.variable(kSize);
  b.loop(i,
         [&] { b.store(out, {x(i)}, b.op(ScalarOp::Add, {b.load(in, {x(i, -1) + at(kSize - 1)}), b.constant(1)})); });
  return b.finish();
}

Kernel total() {
  KernelBuilder b("total");
  BufferIndex in = b.in({DType::F32, {kSize}}), out = b.out({DType::F32, {}});
  VariableIndex i = b.variable(kSize);
  b.store(out, {}, b.reduce(ReduceKind::Sum, {i}, [&] { return b.load(in, {x(i)}); }));
  return b.finish();
}

constexpr uint64_t kLoss = 0, kA = 64, kB = 64 + 4 * kSize;

Program three_kernels() {
  Program program;
  program.name = "three";
  program.hash = "0123";
  program.arena_bytes = kB + 4 * kSize;
  program.persistent_bytes = kB;
  program.batch = 32;
  program.config = "{\"a\":1}";
  program.tensors.push_back({"loss", {DType::F32, {}}, Role::Loss, kLoss, 0});
  program.tensors.push_back({"fc1.w", {DType::F32, {2, kSize / 2}}, Role::Param, kA, 0});
  program.tensors.push_back({"lr", {DType::F64, {}}, Role::Hyper, 8, 0.25});
  ProgramEntry entry;
  entry.name = "eval_step";
  entry.steps = {
      {LaunchStep{reverse("first"), {kA, kB}, {{"b", "reverse", "f.tarn:1:2"}}, "div at f.tarn:1:2"}},
      {LaunchStep{total(), {kB, kLoss}, {{"loss", "sum", ""}}, ""}},
      {CheckStep{"loss", DType::F32, kLoss}},
      {LaunchStep{reverse("second"), {kB, kA}, {{"a", "reverse", ""}}, ""}},
      {CopyStep{kA, kB, 64}},
  };
  program.entries.push_back(std::move(entry));
  return program;
}

int traced = 0;

}  // namespace

TEST_CASE("the tables are those of runtime/tarn_abi.h") {
  TargetOptions options;
  options.cpu = "x86-64";
  options.program_symbol = "three_program";
  auto compiled = jit(three_kernels(), options);
  REQUIRE(compiled);
  const tarn_program* table = (*compiled)->program();
  CHECK(table->struct_size == sizeof(tarn_program));
  CHECK(table->abi_version == TARN_ABI_VERSION);
  CHECK(std::string(table->name) == "three");
  CHECK(std::string(table->hash) == "0123");
  CHECK(std::string(table->cpu) == "x86-64");
  CHECK(std::string(table->version) != "");
  CHECK(table->arena_bytes == kB + 4 * kSize);
  CHECK(table->arena_alignment == 64);
  CHECK(table->persistent_bytes == kB);
  CHECK(table->batch == 32);
  REQUIRE(table->tensor_count == 3);
  const tarn_tensor& w = table->tensors[1];
  CHECK(std::string(w.name) == "fc1.w");
  CHECK(w.dtype == TARN_F32);
  CHECK(w.role == TARN_PARAM);
  REQUIRE(w.rank == 2);
  CHECK(w.shape[0] == 2);
  CHECK(w.shape[1] == kSize / 2);
  CHECK(w.offset == kA);
  CHECK(w.bytes == 4 * kSize);
  CHECK(table->tensors[2].initial == 0.25);
  CHECK(table->tensors[2].role == TARN_HYPER);
  CHECK(!table->init.run);
  CHECK(table->init.kernel_count == 0);
  CHECK(!table->train_step.run);
  REQUIRE(bool(table->eval_step.run));
  REQUIRE(table->eval_step.kernel_count == 3);
  const tarn_kernel& first = table->eval_step.kernels[0];
  CHECK(std::string(first.name) == "first");
  CHECK(std::string(first.summary) == "div at f.tarn:1:2");
  REQUIRE(first.output_count == 1);
  CHECK(std::string(first.outputs[0].name) == "b");
  CHECK(std::string(first.outputs[0].op) == "reverse");
  CHECK(std::string(first.outputs[0].location) == "f.tarn:1:2");
  CHECK(first.outputs[0].dtype == TARN_F32);
  CHECK(first.outputs[0].offset == kB);
  CHECK(first.outputs[0].elements == kSize);
  CHECK(first.flops == kSize);
  CHECK(first.bytes == 8 * kSize);
  CHECK(!table->predict.run);
  CHECK(std::string(table->config) == "{\"a\":1}");
}

TEST_CASE("threads wait for each other where they must") {
  for (const std::string& cpu : runnable_cpus()) {
    TargetOptions options;
    options.cpu = cpu;
    auto compiled = jit(three_kernels(), options);
    REQUIRE(compiled);
    const tarn_program* table = (*compiled)->program();
    for (uint32_t threads : {1u, 2u, 3u, 5u}) {
      Arena arena(table->arena_bytes);
      auto* a = reinterpret_cast<float*>(arena.data() + kA);
      auto* b = reinterpret_cast<float*>(arena.data() + kB);
      for (int64_t i = 0; i < kSize; ++i) a[i] = static_cast<float>(i % 100);
      traced = 0;
      auto trace = [](tarn_team*, uint32_t kernel) { traced = traced * 10 + static_cast<int>(kernel) + 1; };
      CHECK(run_entry(table->eval_step, arena.data(), threads, threads == 3 ? +trace : nullptr) == 0);
      CHECK(traced == (threads == 3 ? 123 : 0));
      int wrong = 0;
      for (int64_t i = 0; i < kSize; ++i) wrong += a[i] != static_cast<float>(i % 100 + 2);
      CHECK(wrong == 0);
      CHECK(b[3] == a[3]);  // the copy
      CHECK(b[17] == static_cast<float>((kSize - 1 - 17) % 100 + 1));
    }
  }
}

TEST_CASE("a loss that is not finite stops the step before anything persistent changes") {
  auto compiled = jit(three_kernels(), TargetOptions{});
  REQUIRE(compiled);
  const tarn_program* table = (*compiled)->program();
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    for (uint32_t threads : {1u, 3u}) {
      Arena arena(table->arena_bytes);
      auto* a = reinterpret_cast<float*>(arena.data() + kA);
      for (int64_t i = 0; i < kSize; ++i) a[i] = 1;
      a[kSize / 2] = bad;
      CHECK(run_entry(table->eval_step, arena.data(), threads) == 1);
      CHECK(a[0] == 1);
    }
  }
}

TEST_CASE("an unknown cpu is an error") {
  TargetOptions options;
  options.cpu = "z80";
  CHECK_FALSE(emit_cpu(three_kernels(), options, EmitKind::Object));
}

TEST_CASE("calls of equal kernels run one function, at their own places") {
  TargetOptions options;
  auto text = emit_cpu(three_kernels(), options, EmitKind::LlvmIr);
  REQUIRE(text);
  CHECK(text->find("@tarn.eval_step.first(ptr") != std::string::npos);
  CHECK(text->find("@tarn.eval_step.second(ptr") == std::string::npos);
  Program other = three_kernels();
  std::get<LaunchStep>(other.entries[0].steps[3].node).buffer_offsets = {kA, kA};  // in place: not the same code
  text = emit_cpu(other, options, EmitKind::LlvmIr);
  REQUIRE(text);
  CHECK(text->find("@tarn.eval_step.second(ptr") != std::string::npos);
}

// A loop that thread 0 runs alone stacks what it makes by copies; then all threads read what the last iteration stacked.
TEST_CASE("threads wait for all that the copies of a loop have moved") {
  constexpr uint64_t kIn = 0, kSum = 4 * kSize, kStack = kSum + 64, kPart = 4096, kOut = kStack + 4 * kPart,
                     kEnd = kOut + kPart;
  KernelBuilder b("next");
  BufferIndex in = b.in({DType::F32, {kPart / 4}}), out = b.out({DType::F32, {kPart / 4}});
  VariableIndex i = b.variable(kPart / 4);
  b.loop(i, [&] { b.store(out, {x(i)}, b.op(ScalarOp::Add, {b.load(in, {x(i)}), b.constant(1)})); });
  LaunchStep sum{total(), {kIn, kSum}, {{"sum", "sum", ""}}, "", {{0}, {0}}, {4}};
  LaunchStep next{b.finish(), {kStack + 3 * kPart, kOut}, {{"out", "add", ""}}, ""};
  Program program = three_kernels();
  program.arena_bytes = program.persistent_bytes = kEnd;
  program.entries[0].steps = {{LoopStep{"body", 4, false, {{sum}, {CopyStep{kSum, kStack, 4, {0}, {kPart}}}}}}, {next}};
  TargetOptions options;
  options.parallel_cycles = 0;
  auto compiled = jit(program, options);
  REQUIRE(compiled);
  Arena arena(kEnd);
  std::fill_n(reinterpret_cast<float*>(arena.data()), kEnd / 4, 1.0F);
  static int barriers;
  barriers = 0;
  tarn_team team{0, 2, [](tarn_team*) { ++barriers; }, nullptr, nullptr, {}};
  CHECK((*compiled)->program()->eval_step.run(arena.data(), &team) == 0);
  CHECK(barriers == 2);  // before the loop, and between its copies and the kernel that reads them
  CHECK(*reinterpret_cast<float*>(arena.data() + kStack + 3 * kPart) == static_cast<float>(kSize));
}
