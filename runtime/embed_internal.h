/* An instance's layout in the caller's memory.
 *
 *   tarn_instance, tarn_host_device | uint64_t mark[tensor_count] | padding to arena_alignment | the host's memory */
#ifndef TARN_EMBED_INTERNAL_H
#define TARN_EMBED_INTERNAL_H

#include <stdint.h>

#define TARN_INSTANCE_HEAD 192u /* bytes reserved for both structs: part of the ABI of NAME.h */

/* Bytes before the host device's memory. */
static inline uint64_t tarn_instance_head(uint64_t tensor_count, uint64_t alignment) {
  uint64_t bytes = TARN_INSTANCE_HEAD + 8 * tensor_count;
  return (bytes + alignment - 1) / alignment * alignment;
}

#endif
