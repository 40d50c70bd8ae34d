// Many training steps of 784-64-32-10 in one launch of one cluster.
//
// Block r holds a slice of the first weights' rows with their moments in registers (and the weights in shared memory), and
// a copy of all small parameters, of which it updates a share.  A step: every block multiplies its slice of the inputs and
// sends each row's partial sums to the row's owner; a barrier; the owner takes its rows through the other layers and back
// and sends what it found to all; a barrier; every block computes gradients of its slice and updates it.
#include "mnist_net.h"

namespace mnist {

template <unsigned Blocks>
struct Plan {
  static constexpr unsigned kSlice = kIn / Blocks, kOwned = kRows / Blocks, kStripe = kSlice / 7;
  static constexpr unsigned kX = 0, kW1 = kX + 2 * kSlice * kStrideX, kParts = kW1 + kSlice * kFirst,
                            kRecords = kParts + kRows * kFirst, kParameters = kRecords + kRows * kRecord,
                            kFloats = kParameters + kSmall;
};

// images [rows, 784] bytes; w1 [784, 64]; small: kSmall floats as they lie; *loss: the last step's.
template <unsigned Blocks>
DEVICE void steps_in_cluster(const uint8_t* images, const int* labels, const int* order, float* w1, float* small_out,
                             float* loss_out, unsigned steps, float rate) {
  using P = Plan<Blocks>;
  constexpr unsigned kPrefetch = (kRows * P::kSlice + 127) / 128;
  float* shared = shared_floats();
  const unsigned thread = thread_index(), warp = thread / 32, lane = thread % 32, rank = cluster_rank();
  float* small = shared + P::kParameters;
  float* records = shared + P::kRecords;
  float* own_records = records + rank * P::kOwned * kRecord;

  // 128 threads: the slice of batch `step`, as numbers in [0, 1].
  const auto fetch = [&](unsigned step, unsigned helper) {
    uint8_t bytes[kPrefetch];
#pragma unroll
    for (unsigned i = 0; i < kPrefetch; i++) {
      const unsigned at = helper + 128 * i, row = at / P::kSlice, k = at % P::kSlice;
      bytes[i] = at < kRows * P::kSlice
                     ? images[static_cast<unsigned>(order[step * kRows + row]) * kIn + rank * P::kSlice + k]
                     : static_cast<uint8_t>(0);
    }
    float* x = shared + P::kX + step % 2 * P::kSlice * kStrideX;
#pragma unroll
    for (unsigned i = 0; i < kPrefetch; i++) {
      const unsigned at = helper + 128 * i, row = at / P::kSlice, k = at % P::kSlice;
      if (at < kRows * P::kSlice) x[k * kStrideX + row] = static_cast<float>(bytes[i]) * (1.0f / 255);
    }
  };

  // Registers of the owner: warps 0 to 6 of stripes of the first weights, warp 7 of small parameters.
  float weights[P::kStripe][2] = {}, m[P::kStripe][2] = {}, v[P::kStripe][2] = {};
  constexpr unsigned kRows2 = kFirst / Blocks, kItems = Blocks == 16 ? 1 : 2;
  float m2[kRows2] = {}, v2[kRows2] = {}, m3[kItems] = {}, v3[kItems] = {};
  if (warp < 7)
#pragma unroll
    for (unsigned j = 0; j < P::kStripe; j++)
#pragma unroll
      for (unsigned c = 0; c < 2; c++) {
        const unsigned k = warp * P::kStripe + j;
        weights[j][c] = w1[(rank * P::kSlice + k) * kFirst + 2 * lane + c];
        shared[P::kW1 + k * kFirst + 2 * lane + c] = weights[j][c];
      }
  for (unsigned i = thread; i < kSmall; i += kThreads) small[i] = small_out[i];
  if (thread >= 128) fetch(0, thread - 128);
  float power1 = 1, power2 = 1, loss = 0;
  __syncthreads();
  cluster_barrier();

  for (unsigned step = 0; step < steps; step++) {
    const float* x = shared + P::kX + step % 2 * P::kSlice * kStrideX;
    const int label = warp < P::kOwned ? labels[order[step * kRows + rank * P::kOwned + warp]] : 0;
    if (warp < 4) {
      first_layer<P::kSlice>(x, shared + P::kW1, warp, lane, [&](unsigned row, unsigned column, float2 sums) {
        float* there = shared + P::kParts + (rank * P::kOwned + row % P::kOwned) * kFirst + column;
        remote_store2(remote_address(shared_address(there), row / P::kOwned), sums);
      });
    } else if (step + 1 < steps) {
      fetch(step + 1, thread - 128);
    }
    cluster_barrier();

    if (thread < P::kOwned * kFirst) {
      const unsigned row = thread / kFirst, n = thread % kFirst;
      float sum = small[kBias1 + n];
#pragma unroll
      for (unsigned from = 0; from < Blocks; from++) sum += shared[P::kParts + (from * P::kOwned + row) * kFirst + n];
      own_records[row * kRecord + kValue1 + n] = sum > 0 ? sum : 0;
    }
    __syncthreads();
    loss = later_layers<P::kOwned>(small, own_records, label, thread);
    constexpr unsigned kPieces = P::kOwned * kRecord / 4;
    for (unsigned i = thread; i < (Blocks - 1) * kPieces; i += kThreads) {
      const unsigned to = (rank + 1 + i / kPieces) % Blocks, piece = i % kPieces;
      const float* from = own_records + 4 * piece;
      remote_store4(remote_address(shared_address(from), to), *reinterpret_cast<const float4*>(from));
    }
    cluster_barrier();

    power1 *= 0.9f;
    power2 *= 0.999f;
    const Adam adam{rate, 1 / (1 - power1), 1 / (1 - power2)};
    if (warp < 7) {
      float gradients[P::kStripe][2];
      first_gradients<P::kStripe>(x, records, warp * P::kStripe, lane, gradients);
#pragma unroll
      for (unsigned j = 0; j < P::kStripe; j++) {
#pragma unroll
        for (unsigned c = 0; c < 2; c++)
          weights[j][c] = updated(adam, weights[j][c], gradients[j][c], m[j][c], v[j][c]);
        *reinterpret_cast<float2*>(shared + P::kW1 + (warp * P::kStripe + j) * kFirst + 2 * lane) =
            float2{weights[j][0], weights[j][1]};
      }
    } else {
      const auto tell_all = [&](unsigned target, float value) {
        const uint32_t here = shared_address(small + target);
#pragma unroll
        for (unsigned to = 0; to < Blocks; to++) remote_store(remote_address(here, to), value);
      };
      float gradients[kRows2] = {};
#pragma unroll 4
      for (unsigned row = 0; row < kRows; row++) {
        const float g = records[row * kRecord + kGradient2 + lane];
#pragma unroll
        for (unsigned j = 0; j < kRows2; j++) gradients[j] += records[row * kRecord + kValue1 + rank * kRows2 + j] * g;
      }
      float fresh[kRows2], fresh3[kItems] = {};
#pragma unroll
      for (unsigned j = 0; j < kRows2; j++)
        fresh[j] = updated(adam, small[kWeights2 + (rank * kRows2 + j) * kStride2 + lane], gradients[j], m2[j], v2[j]);
#pragma unroll
      for (unsigned i = 0; i < kItems; i++) {
        const Item item = small_item<Blocks>(lane + 32 * i, rank);
        if (item.exists) fresh3[i] = updated(adam, small[item.target], item_gradient(item, records), m3[i], v3[i]);
      }
#pragma unroll
      for (unsigned j = 0; j < kRows2; j++) tell_all(kWeights2 + (rank * kRows2 + j) * kStride2 + lane, fresh[j]);
#pragma unroll
      for (unsigned i = 0; i < kItems; i++) {
        const Item item = small_item<Blocks>(lane + 32 * i, rank);
        if (item.exists) tell_all(item.target, fresh3[i]);
      }
    }
    __syncthreads();
  }

  cluster_barrier();
  if (warp < 7)
#pragma unroll
    for (unsigned j = 0; j < P::kStripe; j++)
#pragma unroll
      for (unsigned c = 0; c < 2; c++)
        w1[(rank * P::kSlice + warp * P::kStripe + j) * kFirst + 2 * lane + c] = weights[j][c];
  if (rank == 0)
    for (unsigned i = thread; i < kSmall; i += kThreads) small_out[i] = small[i];
  // loss_out [32]: the last step's, by rows.
  if (warp < P::kOwned && lane == 0) loss_out[rank * P::kOwned + warp] = loss;
}

}  // namespace mnist

KERNEL __launch_bounds__(256, 1) void mnist_steps_16(const uint8_t* images, const int* labels, const int* order,
                                                     float* w1, float* small, float* loss, unsigned steps, float rate) {
  mnist::steps_in_cluster<16>(images, labels, order, w1, small, loss, steps, rate);
}
KERNEL __launch_bounds__(256, 1) void mnist_steps_8(const uint8_t* images, const int* labels, const int* order,
                                                    float* w1, float* small, float* loss, unsigned steps, float rate) {
  mnist::steps_in_cluster<8>(images, labels, order, w1, small, loss, steps, rate);
}
