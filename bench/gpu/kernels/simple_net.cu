// The net 10-5-2 (sigmoid, cross entropy, SGD with momentum, batches of 16 rows) in one block: many steps a launch, the
// weights in shared memory, each thread the owner of one of the 67 parameters.
#include "device.h"

namespace simple {
constexpr unsigned kRows = 16, kIn = 10, kHidden = 5, kOut = 2, kParameters = 67;
// Offsets in shared memory, in floats.  A row of 16 numbers takes 20, so that 16-byte reads of different rows do not meet
// in a bank.
constexpr unsigned kStride = 20, kWeights = 0, kInputs = 80, kUnits = kInputs + 2 * kIn * kStride,
                   kUnitGradients = kUnits + kHidden * kStride, kOutGradients = kUnitGradients + kHidden * kStride,
                   kOnes = kOutGradients + kOut * kStride, kFloats = kOnes + kStride;
constexpr unsigned kFirstBias = 50, kSecond = 55, kSecondBias = 65;
}  // namespace simple

// 96 threads, simple::kFloats of shared memory.  Batch s is the rows order[16 s ..] of x [rows, 10] and labels [rows].
// parameters, velocity: w1 [10, 5], b1, w2 [5, 2], b2, read at the start and written at the end.  *loss: the last step's.
KERNEL __launch_bounds__(96, 1) void simple_steps(const float* x, const int* labels, const int* order,
                                                  float* parameters, float* velocity, float* loss, unsigned steps,
                                                  float rate, float momentum) {
  using namespace simple;
  float* shared = shared_floats();
  const unsigned thread = thread_index(), row = thread % 16, half = thread / 16;
  let_next_kernel_start();

  // A parameter's gradient is the product of two rows of shared memory.
  unsigned left = kOnes, right = kOutGradients, moving = 0;
  if (thread < kFirstBias) {
    left = kInputs + thread / kHidden * kStride;
    right = kUnitGradients + thread % kHidden * kStride;
    moving = kIn * kStride;  // inputs have two buffers
  } else if (thread < kSecond) {
    right = kUnitGradients + (thread - kFirstBias) * kStride;
  } else if (thread < kSecondBias) {
    left = kUnits + (thread - kSecond) / kOut * kStride;
    right = kOutGradients + (thread - kSecond) % kOut * kStride;
  } else if (thread < kParameters) {
    right = kOutGradients + (thread - kSecondBias) * kStride;
  }
  if (thread < kRows) shared[kOnes + thread] = 1;

  // Rows are fetched a step ahead, their numbers two.
  float in[kIn] = {};
  int label = 0, number = 0;
  const auto fetch = [&] {
#pragma unroll
    for (unsigned i = 0; i < kIn; i++) in[i] = x[number * static_cast<int>(kIn) + static_cast<int>(i)];
    label = labels[number];
  };
  if (thread < 32) {
    number = order[row];
    fetch();
    number = order[steps > 1 ? kRows + row : row];
  }
  wait_for_earlier_kernels();
  float weight = 0, speed = 0, last_loss = 0;
  if (thread < kParameters) {
    weight = load_now(parameters + thread);
    speed = load_now(velocity + thread);
    shared[kWeights + thread] = weight;
  }
  __syncthreads();

  for (unsigned step = 0; step < steps; step++) {
    const unsigned buffer = step % 2 * kIn * kStride;
    if (thread < 32) {
      // Half 0 computes units 0 to 2 of its row, half 1 units 3 and 4 (and 4 again, which does not count).
#pragma unroll
      for (unsigned i = 0; i < kIn / 2; i++) {
        const float low = in[i], high = in[kIn / 2 + i];
        shared[kInputs + buffer + (half ? kIn / 2 + i : i) * kStride + row] = half ? high : low;
      }
      float units[3], out[kOut] = {};
#pragma unroll
      for (unsigned u = 0; u < 3; u++) {
        const unsigned unit = half ? (u < 2 ? 3 + u : 4) : u;
        float z = shared[kWeights + kFirstBias + unit];
#pragma unroll
        for (unsigned i = 0; i < kIn; i++) z += in[i] * shared[kWeights + i * kHidden + unit];
        units[u] = reciprocal_approx(1 + exp_approx(-z));
        const float counts = half && u == 2 ? 0.0f : units[u];
#pragma unroll
        for (unsigned c = 0; c < kOut; c++) out[c] += counts * shared[kWeights + kSecond + unit * kOut + c];
      }
#pragma unroll
      for (unsigned c = 0; c < kOut; c++) out[c] += shuffle_xor(out[c], 16) + shared[kWeights + kSecondBias + c];
      const float top = out[0] > out[1] ? out[0] : out[1];
      const float e0 = exp_approx(out[0] - top), e1 = exp_approx(out[1] - top), share = reciprocal_approx(e0 + e1);
      const float gradient[kOut] = {(e0 * share - (label == 0 ? 1.0f : 0.0f)) / kRows,
                                    (e1 * share - (label == 1 ? 1.0f : 0.0f)) / kRows};
      last_loss = half ? 0 : log2_approx(e0 + e1) * kLn2 + top - (label ? out[1] : out[0]);
#pragma unroll
      for (unsigned u = 0; u < 3; u++) {
        const unsigned unit = half ? (u < 2 ? 3 + u : 4) : u;
        float back = 0;
#pragma unroll
        for (unsigned c = 0; c < kOut; c++) back += gradient[c] * shared[kWeights + kSecond + unit * kOut + c];
        shared[kUnits + unit * kStride + row] = units[u];
        shared[kUnitGradients + unit * kStride + row] = back * units[u] * (1 - units[u]);
      }
      shared[kOutGradients + half * kStride + row] = half ? gradient[1] : gradient[0];
      if (step + 1 < steps) {
        fetch();
        if (step + 2 < steps) number = order[(step + 2) * kRows + row];
      }
    }
    __syncthreads();
    if (thread < kParameters) {
      const float4* a = reinterpret_cast<const float4*>(shared + left + (moving ? buffer : 0));
      const float4* b = reinterpret_cast<const float4*>(shared + right);
      float sums[4];
#pragma unroll
      for (unsigned i = 0; i < 4; i++)
        sums[i] = a[i].x * b[i].x + a[i].y * b[i].y + (a[i].z * b[i].z + a[i].w * b[i].w);
      speed = momentum * speed + (sums[0] + sums[1] + (sums[2] + sums[3]));
      weight -= rate * speed;
      shared[kWeights + thread] = weight;
    }
    __syncthreads();
  }
  if (thread < kParameters) {
    parameters[thread] = weight;
    velocity[thread] = speed;
  }
  if (thread < 32) {
    last_loss = warp_sum(last_loss);
    if (thread == 0) *loss = last_loss / kRows;
  }
}
