// C = A [M, K] * B [K, N] in f32 by multiply-adds: tiles of 128 x 128 x 16, 256 threads, two buffers filled by cp.async.
// M, N and K are SIZE.  With ADAM the epilogue is relu(C + bias) as a gradient of an Adam update, else C is stored.
#include "device.h"

constexpr unsigned kTile = 128, kDepth = 16, kStrideA = kDepth + 4, kFloatsA = kTile * kStrideA,
                   kFloats = kFloatsA + kDepth * kTile, kSteps = SIZE / kDepth;

DEVICE void load_tile(const float* a, const float* b, float* stage, unsigned step, unsigned m0, unsigned n0,
                      unsigned thread) {
#pragma unroll
  for (unsigned j = 0; j < 2; j++) {
    const unsigned id = thread + j * 256, row = id / 4, column = id % 4 * 4;
    copy_async_16(shared_address(stage + row * kStrideA + column), a + (m0 + row) * SIZE + step * kDepth + column);
  }
#pragma unroll
  for (unsigned j = 0; j < 2; j++) {
    const unsigned id = thread + j * 256, row = id / 32, column = id % 32 * 4;
    copy_async_16(shared_address(stage + kFloatsA + row * kTile + column),
                  b + (step * kDepth + row) * SIZE + n0 + column);
  }
  copy_async_commit();
}

DEVICE void multiply_tile(const float* a, const float* b, float (&sums)[8][8]) {
#pragma unroll
  for (unsigned k4 = 0; k4 < kDepth; k4 += 4) {
    float4 rows[8];
#pragma unroll
    for (unsigned i = 0; i < 8; i++) rows[i] = *reinterpret_cast<const float4*>(a + 4 * i * kStrideA + k4);
#pragma unroll
    for (unsigned k = 0; k < 4; k++) {
      const float4 left = *reinterpret_cast<const float4*>(b + (k4 + k) * kTile);
      const float4 right = *reinterpret_cast<const float4*>(b + (k4 + k) * kTile + 32);
      const float columns[8] = {left.x, left.y, left.z, left.w, right.x, right.y, right.z, right.w};
#pragma unroll
      for (unsigned i = 0; i < 8; i++) {
        const float row = k == 0 ? rows[i].x : k == 1 ? rows[i].y : k == 2 ? rows[i].z : rows[i].w;
#pragma unroll
        for (unsigned j = 0; j < 8; j++) sums[i][j] += row * columns[j];
      }
    }
  }
}

KERNEL __launch_bounds__(256, 2) void sgemm(const float* a, const float* b, float* c, const float* bias, float* m,
                                            float* v, float* w) {
  __shared__ __attribute__((aligned(128))) float stages[2][kFloats];
  const unsigned thread = thread_index(), n0 = block_index() * kTile, m0 = block_index_y() * kTile, warp = thread / 32,
                 lane = thread % 32;
  const unsigned row0 = warp / 2 * 32 + lane / 8, column0 = warp % 2 * 64 + lane % 8 * 4;
  float sums[8][8] = {};
  load_tile(a, b, stages[0], 0, m0, n0, thread);
#pragma unroll 1
  for (unsigned step = 0; step < kSteps - 1; step++) {
    copy_async_wait<0>();
    __syncthreads();
    load_tile(a, b, stages[(step + 1) % 2], step + 1, m0, n0, thread);
    multiply_tile(stages[step % 2] + row0 * kStrideA, stages[step % 2] + kFloatsA + column0, sums);
  }
  copy_async_wait<0>();
  __syncthreads();
  const float* last = stages[(kSteps - 1) % 2];
  multiply_tile(last + row0 * kStrideA, last + kFloatsA + column0, sums);
#pragma unroll
  for (unsigned i = 0; i < 8; i++)
#pragma unroll
    for (unsigned j = 0; j < 8; j += 4) {
      const unsigned column = n0 + column0 + j * 8, at = (m0 + row0 + 4 * i) * SIZE + column;
      float4 sum = {sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]};
#ifdef ADAM
      float4 add = *reinterpret_cast<const float4*>(bias + column), m4 = *reinterpret_cast<float4*>(m + at),
             v4 = *reinterpret_cast<float4*>(v + at), w4 = *reinterpret_cast<float4*>(w + at);
      const auto update = [](float& sum, float add, float& m, float& v, float& w) {
        sum = sum + add > 0 ? sum + add : 0;
        m = 0.9f * m + 0.1f * sum;
        v = 0.999f * v + 0.001f * sum * sum;
        w -= 1e-3f * m * reciprocal_approx(square_root_approx(v) + 1e-8f);
      };
      float parts[5][4] = {{sum.x, sum.y, sum.z, sum.w},
                           {add.x, add.y, add.z, add.w},
                           {m4.x, m4.y, m4.z, m4.w},
                           {v4.x, v4.y, v4.z, v4.w},
                           {w4.x, w4.y, w4.z, w4.w}};
#pragma unroll
      for (unsigned e = 0; e < 4; e++) update(parts[0][e], parts[1][e], parts[2][e], parts[3][e], parts[4][e]);
      sum = float4{parts[0][0], parts[0][1], parts[0][2], parts[0][3]};
      *reinterpret_cast<float4*>(m + at) = float4{parts[2][0], parts[2][1], parts[2][2], parts[2][3]};
      *reinterpret_cast<float4*>(v + at) = float4{parts[3][0], parts[3][1], parts[3][2], parts[3][3]};
      *reinterpret_cast<float4*>(w + at) = float4{parts[4][0], parts[4][1], parts[4][2], parts[4][3]};
#endif
      *reinterpret_cast<float4*>(c + at) = sum;
    }
}
