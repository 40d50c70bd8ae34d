// The tensor copy engine: what lies where in shared memory after a load, and what a store writes.
#include "device.h"

extern __shared__ char dynamic[];

DEVICE uint32_t aligned_base() {
  return (shared_address(dynamic) + 1023) / 1024 * 1024;
}
DEVICE const uint32_t* shared_words(uint32_t base) {
  return reinterpret_cast<const uint32_t*>(dynamic + (base - shared_address(dynamic)));
}

// Waits for one load of `bytes` that `load(to, barrier)` starts, and copies what came to out.
template <class Load>
DEVICE void load_and_show(uint32_t bytes, uint32_t* out, Load load) {
  __shared__ __attribute__((aligned(8))) uint64_t barrier_words;
  const uint32_t barrier = shared_address(&barrier_words), base = aligned_base();
  if (thread_index() == 0) {
    barrier_init(barrier, 1);
    barrier_init_fence();
    fence_async();
  }
  __syncthreads();
  if (thread_index() == 0) {
    barrier_expect(barrier, bytes);
    load(base, barrier);
  }
  barrier_wait(barrier, 0);
  for (unsigned i = thread_index(); i < bytes / 4; i += thread_count()) out[i] = shared_words(base)[i];
}

// The map as an argument in constant memory (build.sh marks it for LLVM), and through a pointer.
KERNEL void tensor_load(const __grid_constant__ TensorMap map, int x, int y, uint32_t bytes, uint32_t* out) {
  load_and_show(bytes, out, [&](uint32_t to, uint32_t barrier) { tensor_load_2d(to, &map, x, y, barrier); });
}
KERNEL void tensor_load_by_pointer(const TensorMap* map, int x, int y, uint32_t bytes, uint32_t* out) {
  fence_tensor_map(map);
  load_and_show(bytes, out, [&](uint32_t to, uint32_t barrier) { tensor_load_2d(to, map, x, y, barrier); });
}
KERNEL void tensor_load_box4(const TensorMap* map, int x, int y, int z, int w, uint32_t bytes, uint32_t* out) {
  fence_tensor_map(map);
  load_and_show(bytes, out, [&](uint32_t to, uint32_t barrier) { tensor_load_4d(to, map, x, y, z, w, barrier); });
}
KERNEL void bulk_load_show(const void* from, uint32_t bytes, uint32_t* out) {
  load_and_show(bytes, out, [&](uint32_t to, uint32_t barrier) { bulk_load(to, from, bytes, barrier); });
}

// Writes 0, 1, 2, .. as words of shared memory through the map.
KERNEL void tensor_store(const TensorMap* map, int x, int y, uint32_t bytes) {
  fence_tensor_map(map);
  const uint32_t base = aligned_base();
  uint32_t* words = const_cast<uint32_t*>(shared_words(base));
  for (unsigned i = thread_index(); i < bytes / 4; i += thread_count()) words[i] = i;
  fence_async();
  __syncthreads();
  if (thread_index() == 0) {
    tensor_store_2d(map, base, x, y);
    bulk_commit();
    bulk_wait();
  }
}

// A cluster: block 0 loads one box for all; each shows what it got.  out [blocks, bytes / 4].
KERNEL void tensor_load_to_all(const TensorMap* map, int x, int y, uint32_t bytes, uint32_t* out) {
  fence_tensor_map(map);
  __shared__ __attribute__((aligned(8))) uint64_t barrier_words;
  const uint32_t barrier = shared_address(&barrier_words), base = aligned_base();
  if (thread_index() == 0) {
    barrier_init(barrier, 1);
    barrier_init_fence();
    barrier_expect(barrier, bytes);
  }
  __syncthreads();
  cluster_barrier();
  if (cluster_rank() == 0 && thread_index() == 0)
    tensor_load_2d_multicast(base, map, x, y, barrier, static_cast<uint16_t>((1u << cluster_size()) - 1));
  barrier_wait(barrier, 0);
  for (unsigned i = thread_index(); i < bytes / 4; i += thread_count())
    out[cluster_rank() * (bytes / 4) + i] = shared_words(base)[i];
  cluster_barrier();
}
