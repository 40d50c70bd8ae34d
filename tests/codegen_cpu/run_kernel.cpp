// Runs kernels as compiled programs and compares them with the reference.
#include "tests/codegen_cpu/run_kernel.h"

#include <fmt/format.h>

#include <barrier>
#include <cmath>
#include <cstring>
#include <thread>

namespace tarn::testing {

namespace {

constexpr uint8_t kCanary = 0xA5;

struct Team {
  std::barrier<>* barrier;
  void* user;
};

uint64_t round_up(uint64_t bytes) {
  return (bytes + 63) / 64 * 64;
}

}  // namespace

Arena::Arena(uint64_t bytes) : memory_(bytes + 64, kCanary), bytes_(bytes) {
  auto address = reinterpret_cast<uintptr_t>(memory_.data());
  data_ = memory_.data() + (round_up(address) - address);
}

int run_entry(const tarn_entry& entry, uint8_t* arena, uint32_t threads, void (*trace)(tarn_team*, uint32_t),
              void* user) {
  std::barrier barrier(static_cast<std::ptrdiff_t>(threads));
  std::vector<int> status(threads, -1);
  Team shared{&barrier, user};
  auto work = [&](uint32_t thread) {
    tarn_team team{thread, threads, nullptr, trace, &shared, {}};
    team.barrier = [](tarn_team* t) { static_cast<Team*>(t->user)->barrier->arrive_and_wait(); };
    if (!trace) team.user = &shared;
    status[thread] = entry.run(arena, &team);
  };
  std::vector<std::thread> workers;
  for (uint32_t t = 1; t < threads; ++t) workers.emplace_back(work, t);
  work(0);
  for (std::thread& worker : workers) worker.join();
  for (int value : status) {
    if (value != status[0]) return -1;
  }
  return status[0];
}

Program program_of(const Kernel& kernel, const Placement& placement) {
  Program program;
  program.name = "test";
  LaunchStep launch{kernel, {}, {}, ""};
  uint64_t end = 64;
  for (const KernelBuffer& buffer : kernel.buffers) {
    launch.buffer_offsets.push_back(end);
    end += round_up(static_cast<uint64_t>(buffer.type.bytes()) + 64);
  }
  for (auto [out, in] : placement.in_place) launch.buffer_offsets[out] = launch.buffer_offsets[in];
  program.arena_bytes = end;
  program.persistent_bytes = end;
  program.batch = 1;
  program.config = "{}";
  ProgramEntry entry;
  entry.name = "train_step";
  entry.steps.push_back({std::move(launch)});
  program.entries.push_back(std::move(entry));
  return program;
}

std::string run_compiled(const Kernel& kernel, const std::string& cpu, uint32_t threads, std::vector<Bytes>& buffers,
                         const Placement& placement) {
  Program program = program_of(kernel, placement);
  TargetOptions options;
  options.cpu = cpu;
  if (threads > 1) options.parallel_cycles = 0;  // share out even the smallest kernel
  Result<std::unique_ptr<JitProgram>> compiled = compile_program(program, options);
  if (!compiled) return compiled.error().message;
  const tarn_program* table = (*compiled)->program();
  Arena arena(program.arena_bytes);
  const std::vector<uint64_t>& offsets = launches_of(program.entries[0])[0]->buffer_offsets;
  std::vector<bool> is_covered(program.arena_bytes, false);
  for (size_t b = 0; b < buffers.size(); ++b) {
    std::fill_n(is_covered.begin() + static_cast<std::ptrdiff_t>(offsets[b]), buffers[b].size(), true);
    if (kernel.buffers[b].kind == BufferKind::In)
      std::memcpy(arena.data() + offsets[b], buffers[b].data(), buffers[b].size());
  }
  int status = run_entry(table->train_step, arena.data(), threads);
  if (status != 0) return fmt::format("{} with {} threads: status {}", cpu, threads, status);
  for (uint64_t byte = 0; byte < program.arena_bytes; ++byte) {
    if (!is_covered[byte] && arena.data()[byte] != kCanary)
      return fmt::format("{}: wrote outside, at byte {}", cpu, byte);
  }
  for (size_t b = 0; b < buffers.size(); ++b) {
    if (kernel.buffers[b].kind == BufferKind::Out)
      std::memcpy(buffers[b].data(), arena.data() + offsets[b], buffers[b].size());
  }
  return "";
}

Bytes random_bytes(const Type& type, std::mt19937_64& random, double low, double high) {
  Bytes bytes(static_cast<size_t>(type.bytes()));
  std::uniform_real_distribution<double> real(low, high);
  for (int64_t i = 0; i < type.elements(); ++i) {
    double value = real(random);
    if (type.dtype == DType::Bool) value = static_cast<double>(random() % 2);
    if (type.dtype == DType::U8) value = static_cast<double>(random() % 256);
    if (type.dtype == DType::I32 || type.dtype == DType::I64) value = static_cast<double>(random() % 41) - 20;
    write_element(bytes, type.dtype, i, value);
  }
  return bytes;
}

namespace {

std::string compare(const Kernel& kernel, const std::vector<Bytes>& expected, const std::vector<Bytes>& found,
                    double tolerance) {
  for (size_t b = 0; b < kernel.buffers.size(); ++b) {
    const Type& type = kernel.buffers[b].type;
    if (kernel.buffers[b].kind != BufferKind::Out) continue;
    for (int64_t i = 0; i < type.elements(); ++i) {
      double want = read_element(expected[b], type.dtype, i), got = read_element(found[b], type.dtype, i);
      bool is_equal = want == got || (std::isnan(want) && std::isnan(got));
      if (is_float(type.dtype)) is_equal |= std::fabs(want - got) <= tolerance * (1 + std::fabs(want));
      if (!is_equal) return fmt::format("buffer {} element {}: {} instead of {}", b, i, got, want);
    }
  }
  return "";
}

}  // namespace

std::string check_kernel(const Kernel& kernel, double tolerance, double low, double high, const Placement& placement) {
  std::mt19937_64 random(1);
  std::vector<Bytes> inputs;
  for (const KernelBuffer& buffer : kernel.buffers) inputs.push_back(random_bytes(buffer.type, random, low, high));
  std::vector<Bytes> expected = inputs;
  run_reference(kernel, expected);
  for (const std::string& cpu : next_cpus()) {
    std::vector<Bytes> single;
    for (uint32_t threads : {1u, 2u, 3u}) {
      std::vector<Bytes> found = inputs;
      std::string problem = run_compiled(kernel, cpu, threads, found, placement);
      if (problem.empty() && threads == 1) problem = compare(kernel, expected, found, tolerance);
      if (problem.empty() && threads > 1 && found != single) problem = "bits depend on the number of threads";
      if (!problem.empty()) return fmt::format("{}, {} threads: {}\n{}", cpu, threads, problem, print(kernel));
      if (threads == 1) single = found;
    }
  }
  return "";
}

}  // namespace tarn::testing
