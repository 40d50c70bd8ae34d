// device.h for a CPU: each thread of a launch is a fiber, so that kernels without matrix instructions or asynchronous
// copies run in tests.  Fibers change at barriers and shuffles only; kernels must not rely on that.
#pragma once
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#define __launch_bounds__(...)
#define KERNEL static
#define DEVICE static inline

struct float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

namespace emulated {

struct Barrier {
  unsigned arrived = 0, generation = 0;
};
struct Block {
  std::vector<float> shared;
  Barrier barrier;
  std::vector<Barrier> warps;
  std::vector<float> exchanged;  // a word a thread, of shuffles
};
struct Launch {
  unsigned blocks, threads, cluster;
  std::vector<Block> all;
  std::vector<Barrier> clusters;
};
struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  unsigned block, thread;
  bool done = false;
};

inline Launch* launch = nullptr;
inline Fiber* current = nullptr;
inline ucontext_t scheduler;
inline std::function<void()> body;

inline void yield() {
  swapcontext(&current->context, &scheduler);
}
inline void wait(Barrier& barrier, unsigned arrivals) {
  const unsigned generation = barrier.generation;
  if (++barrier.arrived == arrivals) {
    barrier.arrived = 0;
    barrier.generation++;
  }
  while (barrier.generation == generation) yield();
}
inline Block& block() {
  return launch->all[current->block];
}
inline void start() {
  body();
  current->done = true;
  yield();
}

// Runs `kernel` in every thread.  Shared memory starts as NaN.
inline void run(unsigned blocks, unsigned threads, unsigned cluster, unsigned shared_bytes,
                std::function<void()> kernel) {
  Launch now{blocks, threads, cluster, std::vector<Block>(blocks), std::vector<Barrier>(blocks / cluster)};
  for (Block& one : now.all) {
    one.shared.assign(shared_bytes / 4 + 4, std::nanf(""));
    one.warps.resize((threads + 31) / 32);
    one.exchanged.resize(threads);
  }
  launch = &now;
  body = std::move(kernel);
  constexpr size_t kStack = 64 * 1024;
  std::vector<Fiber> fibers(static_cast<size_t>(blocks) * threads);
  for (size_t i = 0; i < fibers.size(); i++) {
    Fiber& fiber = fibers[i];
    fiber.stack = std::make_unique_for_overwrite<char[]>(kStack);
    fiber.block = static_cast<unsigned>(i / threads);
    fiber.thread = static_cast<unsigned>(i % threads);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStack;
    fiber.context.uc_link = &scheduler;
    makecontext(&fiber.context, start, 0);
  }
  for (bool any = true; any;) {
    any = false;
    for (Fiber& fiber : fibers) {
      if (fiber.done) continue;
      any = true;
      current = &fiber;
      swapcontext(&scheduler, &fiber.context);
    }
  }
}

}  // namespace emulated

DEVICE unsigned thread_index() {
  return emulated::current->thread;
}
DEVICE unsigned block_index() {
  return emulated::current->block;
}
DEVICE unsigned block_count() {
  return emulated::launch->blocks;
}
DEVICE unsigned thread_count() {
  return emulated::launch->threads;
}
DEVICE void __syncthreads() {
  emulated::wait(emulated::block().barrier, emulated::launch->threads);
}
DEVICE void warp_barrier() {
  emulated::wait(emulated::block().warps[thread_index() / 32], 32);
}
DEVICE float shuffle_xor(float value, unsigned mask) {
  emulated::block().exchanged[thread_index()] = value;
  warp_barrier();
  const float other = emulated::block().exchanged[thread_index() ^ mask];
  warp_barrier();
  return other;
}
DEVICE float warp_sum(float value) {
  for (unsigned mask = 16; mask; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}
DEVICE float* shared_floats() {
  float* start = emulated::block().shared.data();
  return start + (16 - reinterpret_cast<uintptr_t>(start) % 16) % 16 / 4;
}

// A shared address is the block's rank in the cluster, and bytes from its shared memory's start.
DEVICE unsigned cluster_rank() {
  return block_index() % emulated::launch->cluster;
}
DEVICE uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(static_cast<const char*>(p) - reinterpret_cast<const char*>(shared_floats())) |
         cluster_rank() << 24;
}
DEVICE uint32_t remote_address(uint32_t address, uint32_t rank) {
  return (address & 0xffffffu) | rank << 24;
}
DEVICE float* remote_pointer(uint32_t address) {
  emulated::Block& there = emulated::launch->all[block_index() - cluster_rank() + (address >> 24)];
  float* start = there.shared.data();
  start += (16 - reinterpret_cast<uintptr_t>(start) % 16) % 16 / 4;
  return start + (address & 0xffffffu) / 4;
}
DEVICE void remote_store(uint32_t address, float value) {
  *remote_pointer(address) = value;
}
DEVICE void remote_store2(uint32_t address, float2 value) {
  memcpy(remote_pointer(address), &value, 8);
}
DEVICE void remote_store4(uint32_t address, float4 value) {
  memcpy(remote_pointer(address), &value, 16);
}
DEVICE void cluster_barrier() {
  emulated::wait(emulated::launch->clusters[block_index() / emulated::launch->cluster],
                 emulated::launch->cluster * emulated::launch->threads);
}

DEVICE float load_now(const float* p) {
  return *p;
}
DEVICE float4 load4_now(const float* p) {
  float4 v;
  memcpy(&v, p, 16);
  return v;
}
DEVICE void wait_for_earlier_kernels() {}
DEVICE void let_next_kernel_start() {}
DEVICE float exp_approx(float x) {
  return std::exp(x);
}
constexpr float kLn2 = 0.6931471805599453f;
DEVICE float log2_approx(float x) {
  return std::log2(x);
}
DEVICE float reciprocal_approx(float x) {
  return 1 / x;
}
DEVICE float square_root_approx(float x) {
  return std::sqrt(x);
}
