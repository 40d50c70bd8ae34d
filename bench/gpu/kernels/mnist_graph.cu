// A training step of 784-64-32-10 as three kernels: the first layer in slices of the inputs; the other layers and the way
// back, two rows a block; all gradients and updates.  State lies in memory.
#include "mnist_net.h"

namespace mnist {

constexpr unsigned kSlices = 28, kSlice = kIn / kSlices, kOwned = 2, kSmallBlocks = 16, kStripe = kSlice / 7;

DEVICE void load_slice(float* x, const uint8_t* images, const int* order, unsigned slice, unsigned thread) {
  for (unsigned at = thread; at < kRows * kSlice; at += kThreads) {
    const unsigned row = at / kSlice, k = at % kSlice;
    const uint8_t byte = images[static_cast<unsigned>(order[row]) * kIn + slice * kSlice + k];
    x[k * kStrideX + row] = static_cast<float>(byte) * (1.0f / 255);
  }
}

}  // namespace mnist

// 28 blocks.  parts [28, 32, 64].
KERNEL __launch_bounds__(256, 1) void mnist_first(const uint8_t* images, const int* order, const float* w1,
                                                  float* parts) {
  using namespace mnist;
  float* x = shared_floats();
  float* w = x + kSlice * kStrideX;
  const unsigned thread = thread_index(), block = block_index();
  let_next_kernel_start();
  load_slice(x, images, order, block, thread);
  wait_for_earlier_kernels();
  for (unsigned at = thread; at < kSlice * kFirst / 4; at += kThreads)
    reinterpret_cast<float4*>(w)[at] = load4_now(w1 + block * kSlice * kFirst + 4 * at);
  __syncthreads();
  if (thread < 128)
    first_layer<kSlice>(x, w, thread / 32, thread % 32, [&](unsigned row, unsigned column, float2 sums) {
      *reinterpret_cast<float2*>(parts + (block * kRows + row) * kFirst + column) = sums;
    });
}

// 16 blocks.  records [32, kRecord]; loss [32].
KERNEL __launch_bounds__(256, 1) void mnist_rows(const int* labels, const int* order, const float* parts,
                                                 const float* small, float* records, float* loss) {
  using namespace mnist;
  float* own_small = shared_floats();
  float* own_records = own_small + kSmall;
  const unsigned thread = thread_index(), block = block_index(), warp = thread / 32;
  let_next_kernel_start();
  const int label = warp < kOwned ? labels[order[block * kOwned + warp]] : 0;
  wait_for_earlier_kernels();
  for (unsigned at = thread; at < kSmall / 4; at += kThreads)
    reinterpret_cast<float4*>(own_small)[at] = load4_now(small + 4 * at);
  if (thread < kOwned * kFirst) {
    const unsigned row = thread / kFirst, n = thread % kFirst;
    float sum = load_now(small + kBias1 + n), values[kSlices];
#pragma unroll
    for (unsigned from = 0; from < kSlices; from++)
      values[from] = load_now(parts + (from * kRows + block * kOwned + row) * kFirst + n);
#pragma unroll
    for (unsigned from = 0; from < kSlices; from++) sum += values[from];
    own_records[row * kRecord + kValue1 + n] = sum > 0 ? sum : 0;
  }
  __syncthreads();
  const float row_loss = later_layers<kOwned>(own_small, own_records, label, thread);
  for (unsigned at = thread; at < kOwned * kRecord / 4; at += kThreads)
    reinterpret_cast<float4*>(records + block * kOwned * kRecord)[at] =
        reinterpret_cast<const float4*>(own_records)[at];
  if (warp < kOwned && thread % 32 == 0) loss[block * kOwned + warp] = row_loss;
}

// 28 + 16 blocks: slices of the first weights, then shares of the small parameters.  moments: m, then v, of each; powers:
// beta1^t, beta2^t of the step before, updated by the last block.
KERNEL __launch_bounds__(256, 1) void mnist_update(const uint8_t* images, const int* order, const float* records,
                                                   float* w1, float* moments1, float* small, float* moments_small,
                                                   float* powers, const float* powers_before, float rate) {
  using namespace mnist;
  float* own_records = shared_floats();
  float* x = own_records + kRows * kRecord;
  const unsigned thread = thread_index(), block = block_index(), warp = thread / 32, lane = thread % 32;
  let_next_kernel_start();
  if (block < kSlices) load_slice(x, images, order, block, thread);
  wait_for_earlier_kernels();
  for (unsigned at = thread; at < kRows * kRecord / 4; at += kThreads)
    reinterpret_cast<float4*>(own_records)[at] = load4_now(records + 4 * at);
  const float power1 = load_now(powers_before) * 0.9f, power2 = load_now(powers_before + 1) * 0.999f;
  const Adam adam{rate, 1 / (1 - power1), 1 / (1 - power2)};
  __syncthreads();
  if (block < kSlices) {
    if (warp < 7) {
      float gradients[kStripe][2];
      first_gradients<kStripe>(x, own_records, warp * kStripe, lane, gradients);
#pragma unroll
      for (unsigned j = 0; j < kStripe; j++)
#pragma unroll
        for (unsigned c = 0; c < 2; c++) {
          const unsigned at = (block * kSlice + warp * kStripe + j) * kFirst + 2 * lane + c;
          w1[at] = updated(adam, w1[at], gradients[j][c], moments1[at], moments1[kIn * kFirst + at]);
        }
    }
    return;
  }
  const unsigned rank = block - kSlices;
  const auto update = [&](unsigned at, float gradient) {
    small[at] = updated(adam, small[at], gradient, moments_small[at], moments_small[kSmall + at]);
  };
  if (warp < 4) {
    float gradient = 0;
    const unsigned k = rank * 4 + warp;
#pragma unroll 8
    for (unsigned row = 0; row < kRows; row++)
      gradient += own_records[row * kRecord + kValue1 + k] * own_records[row * kRecord + kGradient2 + lane];
    update(kWeights2 + k * kStride2 + lane, gradient);
  } else if (warp == 4) {
    const Item item = small_item<kSmallBlocks>(lane, rank);
    if (item.exists) update(item.target, item_gradient(item, own_records));
  }
  if (rank == 0 && thread == 0) {
    powers[0] = power1;
    powers[1] = power2;
  }
}
