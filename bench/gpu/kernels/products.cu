// C [M, N] = A [M, K] * B [N, K], k innermost in both, by wgmma: a warpgroup that loads by the tensor copy engine into a
// ring of stages, two that multiply 64 rows each.  M, N divisible by the tile, K by 128 bytes.
#include "wgmma_forms.h"

extern __shared__ char dynamic[];

template <int N, bool IsBf16>
struct Tile {
  static constexpr unsigned kRows = 128, kBytesA = kRows * 128, kBytesB = N * 128, kStage = kBytesA + kBytesB,
                            kStages = N == 256 ? 4 : 6, kDepth = IsBf16 ? 64 : 32;  // numbers in 128 bytes
};

DEVICE void store_pair(float* c, uint64_t at, float first, float second) {
  *reinterpret_cast<float2*>(c + at) = float2{first, second};
}
DEVICE void store_pair(uint16_t* c, uint64_t at, float first, float second) {
  uint32_t both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
  *reinterpret_cast<uint32_t*>(c + at) = both;
}

// 384 threads, Tile::kStages * kStage + 1024 bytes of shared memory, a block a tile; groups of 8 tiles of rows share B in L2.
template <int N, bool IsBf16, class Out>
DEVICE void multiply(const TensorMap* map_a, const TensorMap* map_b, Out* c, unsigned rows, unsigned columns,
                     unsigned depth) {
  using T = Tile<N, IsBf16>;
  __shared__ __attribute__((aligned(8))) uint64_t barriers[2 * T::kStages];
  const unsigned thread = thread_index(), group = thread / 128;
  const uint32_t base = (shared_address(dynamic) + 1023) / 1024 * 1024, full = shared_address(barriers),
                 empty = full + 8 * T::kStages;
  const unsigned across = columns / N, in_group = 8 * across, first = block_index() / in_group * 8;
  const unsigned high = rows / T::kRows - first < 8 ? rows / T::kRows - first : 8;
  const unsigned m0 = (first + block_index() % in_group % high) * T::kRows, n0 = block_index() % in_group / high * N;
  const unsigned steps = depth / T::kDepth;
  if (thread == 0) {
    for (unsigned s = 0; s < T::kStages; s++) {
      barrier_init(full + 8 * s, 1);
      barrier_init(empty + 8 * s, 2);
    }
    barrier_init_fence();
    fence_async();
  }
  __syncthreads();
  if (group == 0) {
    fewer_registers<40>();
    if (thread == 0)
      for (unsigned step = 0; step < steps; step++) {
        const unsigned s = step % T::kStages;
        barrier_wait(empty + 8 * s, step / T::kStages % 2 ^ 1);
        barrier_expect(full + 8 * s, T::kStage);
        tensor_load_2d(base + s * T::kStage, map_a, static_cast<int>(step * T::kDepth), static_cast<int>(m0),
                       full + 8 * s);
        tensor_load_2d(base + s * T::kStage + T::kBytesA, map_b, static_cast<int>(step * T::kDepth),
                       static_cast<int>(n0), full + 8 * s);
      }
  } else {
    more_registers<232>();
    constexpr uint64_t kDescriptor =
        1ull << 62 | 64ull << 32 | 1ull << 16;  // swizzle 128, 1024 bytes to the next 8 rows
    float d[N / 2];
#pragma unroll
    for (int i = 0; i < N / 2; i++) d[i] = 0;
#pragma unroll 1
    for (unsigned step = 0; step < steps; step++) {
      const unsigned s = step % T::kStages;
      barrier_wait(full + 8 * s, step / T::kStages % 2);
      const uint64_t a = kDescriptor + ((base + s * T::kStage + (group - 1) * 64 * 128) >> 4);
      const uint64_t b = kDescriptor + ((base + s * T::kStage + T::kBytesA) >> 4);
      if constexpr (IsBf16)
        wgmma_bf16<0, 0>(d, a, b, 2, 2, 1);
      else
        wgmma_tf32(d, a, b, 2, 2, 1);
      // One group stays in flight; the stage of the one before it may be filled again.
      wgmma_wait<1>();
      if (step > 0 && thread % 128 == 0) barrier_arrive(empty + 8 * ((step - 1) % T::kStages));
    }
    wgmma_wait_tied<0>(d);
    const unsigned lane = thread % 32, warp = thread % 128 / 32;
    const uint64_t row = m0 + (group - 1) * 64 + warp * 16 + lane / 4, column = n0 + lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < N / 8; j++) {
      store_pair(c, row * columns + column + 8 * j, d[4 * j], d[4 * j + 1]);
      store_pair(c, (row + 8) * columns + column + 8 * j, d[4 * j + 2], d[4 * j + 3]);
    }
  }
}

#define PRODUCT(name, N, is_bf16, Out)                                                                                 \
  KERNEL __launch_bounds__(384, 1) void name(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, \
                                             Out* c, unsigned rows, unsigned columns, unsigned depth) {                \
    multiply<N, is_bf16>(&a, &b, c, rows, columns, depth);                                                             \
  }
PRODUCT(product_bf16_128, 128, true, uint16_t)
PRODUCT(product_bf16_256, 256, true, uint16_t)
PRODUCT(product_tf32_128, 128, false, float)
PRODUCT(product_tf32_256, 256, false, float)
