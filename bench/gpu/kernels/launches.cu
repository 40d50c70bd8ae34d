// Small kernels whose launches are looked at, not their work.
#include "device.h"

KERNEL void nothing() {}

// to[i] = from[i + 1] + 1, cyclic: every block needs the whole of the kernel before.
KERNEL void shift_and_add(const float* from, float* to, unsigned count) {
  const unsigned i = block_index() * thread_count() + thread_index();
  if (i < count) to[i] = from[(i + 1) % count] + 1;
}
// The same under programmatic launch.  What an earlier kernel wrote is read by a volatile load: ptxas moves read-only
// loads above the wait.
KERNEL void shift_and_add_dependent(const float* from, float* to, unsigned count) {
  let_next_kernel_start();
  const unsigned i = block_index() * thread_count() + thread_index();
  wait_for_earlier_kernels();
  if (i < count) {
    float value;
    asm volatile("ld.global.f32 %0, [%1];" : "=f"(value) : "l"(from + (i + 1) % count) : "memory");
    to[i] = value + 1;
  }
}
// Lets the next start only when its own work is done.
KERNEL void shift_and_add_dependent_late(const float* from, float* to, unsigned count) {
  const unsigned i = block_index() * thread_count() + thread_index();
  wait_for_earlier_kernels();
  if (i < count) {
    float value;
    asm volatile("ld.global.f32 %0, [%1];" : "=f"(value) : "l"(from + (i + 1) % count) : "memory");
    to[i] = value + 1;
  }
  let_next_kernel_start();
}

KERNEL void count_up(uint32_t* counter) {
  *counter += 1;
}

// 256 threads: one warpgroup gives registers away, the other takes them and keeps 200 values alive.  out [128].
KERNEL __launch_bounds__(256, 1) void move_registers(const float* in, float* out) {
  const unsigned thread = thread_index();
  if (thread < 128) {
    fewer_registers<40>();
  } else {
    more_registers<232>();
    float values[200];
#pragma unroll
    for (int i = 0; i < 200; i++) values[i] = in[i] * static_cast<float>(thread);
    named_barrier(1, 128);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < 200; i++) sum += values[i] * values[199 - i];
    out[thread - 128] = sum;
  }
}
