// wgmma over an image of shared memory that the host drew, with descriptors that the host chose.
#include "wgmma_forms.h"

extern __shared__ char dynamic[];

// 128 threads.  image: `chunks` 16-byte pieces, copied to a shared address divisible by 1024.  a, b: descriptors relative to
// that address; each of four steps adds step_a, step_b.  out [64, N].
template <int N, class Multiply>
DEVICE void over_image(const uint4* image, unsigned chunks, uint64_t a, uint64_t b, float* out, Multiply multiply) {
  const unsigned thread = thread_index();
  const uint32_t base = (shared_address(dynamic) + 1023) / 1024 * 1024;
  uint4* shared = reinterpret_cast<uint4*>(dynamic + (base - shared_address(dynamic)));
  for (unsigned i = thread; i < chunks; i += 128) shared[i] = image[i];
  fence_async();
  __syncthreads();
  float d[N / 2] = {};
  multiply(d, a + (base >> 4), b + (base >> 4));
  wgmma_wait_tied<0>(d);
  float* row = out + (thread / 32 * 16 + thread % 32 / 4) * N + thread % 4 * 2;
#pragma unroll
  for (int j = 0; j < N / 8; j++) {
    row[8 * j] = d[4 * j];
    row[8 * j + 1] = d[4 * j + 1];
    row[8 * N + 8 * j] = d[4 * j + 2];
    row[8 * N + 8 * j + 1] = d[4 * j + 3];
  }
}

#define ARGUMENTS \
  const uint4 *image, unsigned chunks, uint64_t a, uint64_t b, uint64_t step_a, uint64_t step_b, float *out
#define BF16(N, TA, TB)                                                                                      \
  KERNEL __launch_bounds__(128, 1) void wgmma_bf16_n##N##_t##TA##TB(ARGUMENTS) {                             \
    over_image<N>(image, chunks, a, b, out,                                                                  \
                  [&](auto& d, uint64_t a, uint64_t b) { wgmma_bf16<TA, TB>(d, a, b, step_a, step_b, 0); }); \
  }
#define TF32(N)                                                                                      \
  KERNEL __launch_bounds__(128, 1) void wgmma_tf32_n##N##_t00(ARGUMENTS) {                           \
    over_image<N>(image, chunks, a, b, out,                                                          \
                  [&](auto& d, uint64_t a, uint64_t b) { wgmma_tf32(d, a, b, step_a, step_b, 0); }); \
  }
BF16(8, 0, 0)
BF16(64, 0, 0)
BF16(128, 0, 0)
BF16(256, 0, 0)
BF16(64, 0, 1)
BF16(128, 0, 1)
BF16(256, 0, 1)
BF16(64, 1, 0)
BF16(128, 1, 1)
TF32(8)
TF32(64)
TF32(128)
TF32(256)
