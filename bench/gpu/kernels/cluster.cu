// Blocks of a cluster that read and write each other's shared memory.
#include "device.h"

// One cluster.  out [3, blocks, threads]: what was read from the next block; what the block before stored here; what came
// from it by counted stores.
KERNEL void cluster_exchange(float* out) {
  __shared__ float mine[256];
  __shared__ float stored[256];
  __shared__ float counted[256];
  __shared__ __attribute__((aligned(8))) uint64_t barrier_words;
  const unsigned thread = thread_index(), rank = cluster_rank(), size = cluster_size(), threads = thread_count();
  const uint32_t barrier = shared_address(&barrier_words), next = (rank + 1) % size;
  mine[thread] = static_cast<float>(rank * 1000 + thread);
  if (thread == 0) {
    barrier_init(barrier, 1);
    barrier_init_fence();
    barrier_expect(barrier, 4 * threads);
  }
  __syncthreads();
  cluster_barrier();
  const float read = remote_load(remote_address(shared_address(mine + thread), next));
  remote_store(remote_address(shared_address(stored + thread), next), mine[thread] + 0.5f);
  remote_store_counted(remote_address(shared_address(counted + thread), next), mine[thread] + 0.25f,
                       remote_address(barrier, next));
  barrier_wait(barrier, 0);
  const unsigned at = rank * threads + thread;
  out[2 * size * threads + at] = counted[thread];
  cluster_barrier();
  out[at] = read;
  out[size * threads + at] = stored[thread];
}
