// Fifty kernels of a real program's size, for the time that loading takes.
#include "device.h"

// Row `number` of a matrix [50, count] is scaled to mean 0 and deviation 1, then multiplied by its number.
template <int Number>
DEVICE void normalise(float* values, unsigned count) {
  __shared__ float sums[8];
  float* row = values + Number * count;
  float sum = 0, squares = 0;
  for (unsigned at = thread_index(); at < count; at += 256) sum += row[at], squares += row[at] * row[at];
  for (int pass = 0; pass < 2; pass++) {
    float part = warp_sum(pass ? squares : sum);
    __syncthreads();
    if (thread_index() % 32 == 0) sums[thread_index() / 32] = part;
    __syncthreads();
    part = 0;
    for (float value : sums) part += value;
    (pass ? squares : sum) = part / static_cast<float>(count);
  }
  const float scale = reciprocal_approx(square_root_approx(squares - sum * sum + 1e-5f)) * (Number + 1);
  for (unsigned at = thread_index(); at < count; at += 256) row[at] = (row[at] - sum) * scale;
}
#define ONE(n)                                               \
  KERNEL void normalise_##n(float* values, unsigned count) { \
    normalise<n>(values, count);                             \
  }
#define TEN(n) ONE(n##0) ONE(n##1) ONE(n##2) ONE(n##3) ONE(n##4) ONE(n##5) ONE(n##6) ONE(n##7) ONE(n##8) ONE(n##9)
ONE(0) ONE(1) ONE(2) ONE(3) ONE(4) ONE(5) ONE(6) ONE(7) ONE(8) ONE(9) TEN(1) TEN(2) TEN(3) TEN(4)
