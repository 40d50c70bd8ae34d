// Sets the condition of a graph's node on the device.
#include "device.h"

extern "C" __device__ void cudaGraphSetConditional(uint64_t handle, unsigned value);

// The node's body runs while the loss is finite.
KERNEL void check_loss(const float* loss, uint64_t handle) {
  const float magnitude = *loss < 0 ? -*loss : *loss;
  cudaGraphSetConditional(handle, magnitude < 1e30f);
}
// Of a loop: goes on until the counter reaches the limit.
KERNEL void count_and_go_on(uint32_t* counter, uint32_t limit, uint64_t handle) {
  *counter += 1;
  cudaGraphSetConditional(handle, *counter < limit);
}
