// Loops that each spend their time in one thing.
#include "device.h"

// --- barriers: ticks of `count` of them

KERNEL void block_barriers(unsigned count, long long* ticks) {
  const long long start = clock_now();
  for (unsigned i = 0; i < count; i++) __syncthreads();
  if (thread_index() == 0 && block_index() == 0) *ticks = clock_now() - start;
}
KERNEL void cluster_barriers(unsigned count, long long* ticks) {
  cluster_barrier();
  const long long start = clock_now();
  for (unsigned i = 0; i < count; i++) cluster_barrier();
  if (thread_index() == 0 && block_index() == 0) *ticks = clock_now() - start;
}
// One value a thread is stored in the next block, a barrier, and read there: what a step of a net split over a cluster does.
KERNEL void cluster_exchanges(unsigned count, long long* ticks, float* out) {
  __shared__ float received[2][256];
  const unsigned thread = thread_index(), next = (cluster_rank() + 1) % cluster_size();
  const uint32_t there[2] = {remote_address(shared_address(&received[0][thread]), next),
                             remote_address(shared_address(&received[1][thread]), next)};
  float value = static_cast<float>(thread);
  cluster_barrier();
  const long long start = clock_now();
  for (unsigned i = 0; i < count; i += 2) {
    remote_store(there[0], value);
    cluster_barrier();
    value = received[0][thread] + 1;
    remote_store(there[1], value);
    cluster_barrier();
    value = received[1][thread] + 1;
  }
  if (thread == 0 && block_index() == 0) *ticks = clock_now() - start;
  cluster_barrier();
  out[block_index() * thread_count() + thread] = value;
}
// Blocks 0 and 1 send each other 512 bytes in turn by counted stores; ticks of `count` ways there and back.  128 threads.
KERNEL void counted_round_trips(unsigned count, long long* ticks, float* out) {
  __shared__ float received[128];
  __shared__ __attribute__((aligned(8))) uint64_t barrier_words;
  const unsigned thread = thread_index(), rank = cluster_rank();
  const uint32_t barrier = shared_address(&barrier_words),
                 there = remote_address(shared_address(received + thread), 1 - rank);
  const uint32_t barrier_there = remote_address(barrier, 1 - rank);
  if (thread == 0) {
    barrier_init(barrier, 1);
    barrier_init_fence();
    barrier_expect(barrier, 512);
  }
  __syncthreads();
  cluster_barrier();
  float value = static_cast<float>(thread);
  const long long start = clock_now();
  for (unsigned i = 0; i < count; i++) {
    if (rank == 0) remote_store_counted(there, value, barrier_there);
    barrier_wait(barrier, i & 1);
    value = received[thread] + 1;
    // Armed again before anything is sent that the other block answers.
    if (thread == 0) barrier_expect(barrier, 512);
    __syncthreads();
    if (rank == 1) remote_store_counted(there, value, barrier_there);
  }
  if (thread == 0 && rank == 0) *ticks = clock_now() - start;
  cluster_barrier();
  out[rank * 128 + thread] = value;
}
// All blocks of a cooperative launch; `counter` starts at 0.
KERNEL void grid_barriers(unsigned count, unsigned* counter, long long* ticks) {
  const long long start = clock_now();
  for (unsigned i = 1; i <= count; i++) {
    __syncthreads();
    if (thread_index() == 0) {
      asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
      unsigned seen;
      do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(counter) : "memory");
      while (seen < i * block_count());
    }
    __syncthreads();
  }
  if (thread_index() == 0 && block_index() == 0) *ticks = clock_now() - start;
}

// --- arithmetic and memory

// 16 chains of `count` * 16 multiply-adds a thread.
KERNEL void multiply_adds(unsigned count, float a, float b, float* out) {
  float sums[16];
#pragma unroll
  for (int i = 0; i < 16; i++) sums[i] = static_cast<float>(thread_index() + i);
  for (unsigned n = 0; n < count; n++)
#pragma unroll
    for (int repeat = 0; repeat < 16; repeat++)
#pragma unroll
      for (int i = 0; i < 16; i++) sums[i] = sums[i] * a + b;
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 16; i++) sum += sums[i];
  if (sum == 12345.678f) *out = sum;
}
// 16 bytes a thread and turn, without bank conflicts.  4 * 1024 threads' worth of shared memory.
KERNEL void shared_reads(unsigned count, float* out) {
  __shared__ float4 values[2048];
  for (unsigned i = thread_index(); i < 2048; i += thread_count())
    values[i] = float4{1.0f * i, 2.0f * i, 3.0f * i, 4.0f * i};
  __syncthreads();
  const uint32_t base = shared_address(values) + thread_index() * 16;
  float sum = 0;
  for (unsigned n = 0; n < count; n++)
#pragma unroll
    for (unsigned i = 0; i < 8; i++) {
      float x, y, z, w;
      asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                   : "=f"(x), "=f"(y), "=f"(z), "=f"(w)
                   : "r"(base + (i & 1) * 16384));
      sum += x + y + z + w;
    }
  if (sum == 12345.678f) *out = sum;
}
// Reads `count` pieces of 16 bytes, `turns` times, past L1.
KERNEL void global_reads(const float4* values, unsigned count, unsigned turns, float* out) {
  const unsigned stride = block_count() * thread_count();
  float sum = 0;
  for (unsigned turn = 0; turn < turns; turn++)
    for (unsigned at = block_index() * thread_count() + thread_index(); at < count; at += stride) {
      float x, y, z, w;
      asm volatile("ld.global.cg.v4.f32 {%0, %1, %2, %3}, [%4];"
                   : "=f"(x), "=f"(y), "=f"(z), "=f"(w)
                   : "l"(values + at));
      sum += x + y + z + w;
    }
  if (sum == 12345.678f) *out = sum;
}
KERNEL void global_copy(const float4* from, float4* to, unsigned count) {
  const unsigned stride = block_count() * thread_count();
#pragma unroll 4
  for (unsigned at = block_index() * thread_count() + thread_index(); at < count; at += stride) to[at] = from[at];
}

// --- a sum in two passes whose order depends on the count alone

DEVICE float block_sum_256(float value) {
  __shared__ float sums[8];
  value = warp_sum(value);
  if (thread_index() % 32 == 0) sums[thread_index() / 32] = value;
  __syncthreads();
  value = sums[thread_index() % 8];
  value += shuffle_xor(value, 4);
  value += shuffle_xor(value, 2);
  return value + shuffle_xor(value, 1);
}
// 256 threads; block b sums pieces b, b + blocks, ..
DEVICE void sum_pass(const float4* values, unsigned count4, float* out) {
  float4 sum = {0, 0, 0, 0};
#pragma unroll 4
  for (unsigned at = block_index() * 256 + thread_index(); at < count4; at += block_count() * 256) {
    const float4 v = values[at];
    sum.x += v.x, sum.y += v.y, sum.z += v.z, sum.w += v.w;
  }
  const float total = block_sum_256(sum.x + sum.y + (sum.z + sum.w));
  if (thread_index() == 0) out[block_index()] = total;
}
KERNEL void sum_parts(const float4* values, unsigned count4, float* out) {
  sum_pass(values, count4, out);
}
// The second pass under programmatic launch.
KERNEL void sum_parts_dependent(const float4* values, unsigned count4, float* out) {
  let_next_kernel_start();
  wait_for_earlier_kernels();
  float sum = 0;
  for (unsigned at = block_index() * 256 + thread_index(); at < count4; at += block_count() * 256) {
    float x, y, z, w;
    asm volatile("ld.global.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(x), "=f"(y), "=f"(z), "=f"(w)
                 : "l"(values + at)
                 : "memory");
    sum += x + y + (z + w);
  }
  const float total = block_sum_256(sum);
  if (thread_index() == 0) out[block_index()] = total;
}

// --- Philox 4x32-10

DEVICE uint4 philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0, uint32_t k1) {
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = uint64_t(0xD2511F53u) * c0, p1 = uint64_t(0xCD9E8D57u) * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0, n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return uint4{c0, c1, c2, c3};
}
// count4 pieces of four uniform numbers; key (7, 9).
KERNEL void philox_fill(float4* out, unsigned count4) {
  for (unsigned at = block_index() * thread_count() + thread_index(); at < count4;
       at += block_count() * thread_count()) {
    const uint4 r = philox(at, 0, 0, 0, 7, 9);
    out[at] = float4{(r.x >> 8) * 0x1p-24f, (r.y >> 8) * 0x1p-24f, (r.z >> 8) * 0x1p-24f, (r.w >> 8) * 0x1p-24f};
  }
}
// The same draws, kept in registers.
KERNEL void philox_consume(float4* out, unsigned count4) {
  uint32_t all = 0;
  for (unsigned at = block_index() * thread_count() + thread_index(); at < count4;
       at += block_count() * thread_count()) {
    const uint4 r = philox(at, 0, 0, 0, 7, 9);
    all ^= r.x ^ r.y ^ r.z ^ r.w;
  }
  if (all == 0x12345678u) out[0].x = 1;
}

// Copies words over the bus from the host's memory.
KERNEL void read_host(const float4* host, float4* to, unsigned count4) {
  const unsigned at = block_index() * thread_count() + thread_index();
  if (at < count4) to[at] = host[at];
}
