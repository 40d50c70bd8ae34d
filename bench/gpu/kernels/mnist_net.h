// Parts of a training step of the net 784-64-32-10 (relu, cross entropy, Adam, batches of 32 rows) that its two forms share:
// a resident cluster (mnist_cluster.cu), and three kernels a step (mnist_graph.cu).
#pragma once
#include "device.h"

namespace mnist {

constexpr unsigned kRows = 32, kIn = 784, kFirst = 64, kSecond = 32, kOut = 10;
constexpr unsigned kThreads = 256;

// What later parts need of a row, in floats: gradients and values of the units.
constexpr unsigned kGradient1 = 0, kValue1 = 64, kGradient2 = 128, kValue2 = 160, kGradient3 = 192, kRecord = 204;
// The small parameters as they lie in shared memory.  Strides keep reads by rows and by columns apart in the banks.
constexpr unsigned kStride2 = 40, kStride3 = 12;
constexpr unsigned kWeights2 = 0, kWeights3 = kWeights2 + kFirst * kStride2, kBias1 = kWeights3 + kSecond * kStride3,
                   kBias2 = kBias1 + kFirst, kBias3 = kBias2 + kSecond, kSmall = kBias3 + 16;
// Inputs are kept with the batch innermost.
constexpr unsigned kStrideX = 36;

struct Adam {
  float rate, scale1, scale2;  // scale: 1 / (1 - beta^t)
};
// The weight's next value; its moments are changed.
DEVICE float updated(const Adam& adam, float weight, float gradient, float& m, float& v) {
  m = 0.9f * m + 0.1f * gradient;
  v = 0.999f * v + 0.001f * gradient * gradient;
  return weight - adam.rate * adam.scale1 * m * reciprocal_approx(square_root_approx(v * adam.scale2) + 1e-8f);
}

// Four warps: the product of 32 rows with `count` rows of the first weights.  x [count, kStrideX], w [count, 64], both in
// shared memory; put(row, column, two sums) for columns 2 lane and 2 lane + 1.
template <unsigned Count, class Put>
DEVICE void first_layer(const float* x, const float* w, unsigned warp, unsigned lane, Put put) {
  float sums[8][2] = {};
#pragma unroll 7
  for (unsigned k = 0; k < Count; k++) {
    const float4 low = *reinterpret_cast<const float4*>(x + k * kStrideX + warp * 8);
    const float4 high = *reinterpret_cast<const float4*>(x + k * kStrideX + warp * 8 + 4);
    const float2 weights = *reinterpret_cast<const float2*>(w + k * kFirst + 2 * lane);
    const float rows[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
    for (unsigned i = 0; i < 8; i++) {
      sums[i][0] += rows[i] * weights.x;
      sums[i][1] += rows[i] * weights.y;
    }
  }
#pragma unroll
  for (unsigned i = 0; i < 8; i++) put(warp * 8 + i, 2 * lane, float2{sums[i][0], sums[i][1]});
}

// 256 threads: from the first layer's values (in the records already) of `Rows` rows to all gradients of their units.
// labels: of these rows, in the warps 0 .. Rows - 1.  Returns the row's loss / 32 in lane 0 of those warps.
template <unsigned Rows>
DEVICE float later_layers(const float* small, float* records, int label, unsigned thread) {
  const unsigned warp = thread / 32, lane = thread % 32;
  {  // Second layer: several threads an output.
    constexpr unsigned kShare = kThreads / (Rows * kSecond);
    const unsigned output = thread / kShare, part = thread % kShare, row = output / kSecond, n = output % kSecond;
    float sum = 0;
#pragma unroll
    for (unsigned i = 0; i < kFirst / kShare; i++) {
      const unsigned k = part + kShare * i;
      sum += records[row * kRecord + kValue1 + k] * small[kWeights2 + k * kStride2 + n];
    }
#pragma unroll
    for (unsigned mask = kShare / 2; mask; mask /= 2) sum += shuffle_xor(sum, mask);
    sum += small[kBias2 + n];
    if (part == 0) records[row * kRecord + kValue2 + n] = sum > 0 ? sum : 0;
  }
  __syncthreads();
  float loss = 0;
  if (warp < Rows) {  // Third layer, softmax and the way back to the second: a warp a row.
    float* record = records + warp * kRecord;
    const unsigned column = lane % 16, half = lane / 16, n = column < kOut ? column : kOut - 1;
    float logit = 0;
#pragma unroll
    for (unsigned i = 0; i < kSecond / 2; i++) {
      const unsigned k = half * (kSecond / 2) + i;
      logit += record[kValue2 + k] * small[kWeights3 + k * kStride3 + n];
    }
    logit += shuffle_xor(logit, 16) + small[kBias3 + n];
    float top = logit;
#pragma unroll
    for (unsigned mask = 8; mask; mask /= 2) {
      const float other = shuffle_xor(top, mask);
      top = other > top ? other : top;
    }
    const float power = column < kOut ? exp_approx(logit - top) : 0;
    float sum = power;
#pragma unroll
    for (unsigned mask = 8; mask; mask /= 2) sum += shuffle_xor(sum, mask);
    const bool is_label = static_cast<int>(column) == label;
    if (half == 0 && column < kOut)
      record[kGradient3 + column] = (power * reciprocal_approx(sum) - (is_label ? 1.0f : 0.0f)) / kRows;
    loss = warp_sum(half == 0 && is_label ? (log2_approx(sum) * kLn2 + top - logit) / kRows : 0);
    warp_barrier();
    float back = 0;
#pragma unroll
    for (unsigned c = 0; c < kOut; c++) back += record[kGradient3 + c] * small[kWeights3 + lane * kStride3 + c];
    record[kGradient2 + lane] = record[kValue2 + lane] > 0 ? back : 0;
  }
  __syncthreads();
  {  // The way back to the first layer.
    constexpr unsigned kShare = kThreads / (Rows * kFirst);
    const unsigned output = thread / kShare, part = thread % kShare, row = output / kFirst, k = output % kFirst;
    float sum = 0;
#pragma unroll
    for (unsigned i = 0; i < kSecond / kShare / 4; i++) {
      const unsigned n = part * (kSecond / kShare) + 4 * i;
      const float4 g = *reinterpret_cast<const float4*>(records + row * kRecord + kGradient2 + n);
      const float4 w = *reinterpret_cast<const float4*>(small + kWeights2 + k * kStride2 + n);
      sum += g.x * w.x + g.y * w.y + (g.z * w.z + g.w * w.w);
    }
    if (kShare == 2) sum += shuffle_xor(sum, 1);
    if (part == 0) records[row * kRecord + kGradient1 + k] = records[row * kRecord + kValue1 + k] > 0 ? sum : 0;
  }
  __syncthreads();
  return loss;
}

// One warp: gradients of `Each` rows of the first weights from row `first`, columns 2 lane and 2 lane + 1.
template <unsigned Each>
DEVICE void first_gradients(const float* x, const float* records, unsigned first, unsigned lane,
                            float (&sums)[Each][2]) {
#pragma unroll
  for (unsigned j = 0; j < Each; j++) sums[j][0] = sums[j][1] = 0;
#pragma unroll 1
  for (unsigned row = 0; row < kRows; row += 4) {
    float2 g[4];
#pragma unroll
    for (unsigned i = 0; i < 4; i++)
      g[i] = *reinterpret_cast<const float2*>(records + (row + i) * kRecord + kGradient1 + 2 * lane);
#pragma unroll
    for (unsigned j = 0; j < Each; j++) {
      const float4 values = *reinterpret_cast<const float4*>(x + (first + j) * kStrideX + row);
      sums[j][0] += values.x * g[0].x + values.y * g[1].x + (values.z * g[2].x + values.w * g[3].x);
      sums[j][1] += values.x * g[0].y + values.y * g[1].y + (values.z * g[2].y + values.w * g[3].y);
    }
  }
}

// The small parameters besides the second weights that block `rank` of `Blocks` owns: item -> where its gradient's factors
// lie in a record, and where the parameter lies.
struct Item {
  unsigned left, right, target;
  bool has_left, exists;
};
template <unsigned Blocks>
DEVICE Item small_item(unsigned item, unsigned rank) {
  constexpr unsigned kRows3 = kSecond / Blocks, kCount1 = kFirst / Blocks, kCount2 = kSecond / Blocks;
  if (item < kRows3 * kOut) {
    const unsigned k = rank * kRows3 + item / kOut, n = item % kOut;
    return {kValue2 + k, kGradient3 + n, kWeights3 + k * kStride3 + n, true, true};
  }
  item -= kRows3 * kOut;
  if (item < kCount1) {
    const unsigned n = rank * kCount1 + item;
    return {0, kGradient1 + n, kBias1 + n, false, true};
  }
  item -= kCount1;
  if (item < kCount2) {
    const unsigned n = rank * kCount2 + item;
    return {0, kGradient2 + n, kBias2 + n, false, true};
  }
  item -= kCount2;
  const unsigned n = rank + item * Blocks;
  return {0, kGradient3 + (n < kOut ? n : 0), kBias3 + n, false, n < kOut};
}
DEVICE float item_gradient(const Item& item, const float* records) {
  float sum = 0;
#pragma unroll 8
  for (unsigned row = 0; row < kRows; row++) {
    const float* record = records + row * kRecord;
    sum += (item.has_left ? record[item.left] : 1.0f) * record[item.right];
  }
  return sum;
}

}  // namespace mnist
