/* What the parts of the embedding API share: an instance's layout in the caller's memory.
 *
 *   tarn_instance | uint64_t mark[tensor_count] | padding to arena_alignment | the arena */
#ifndef TARN_EMBED_INTERNAL_H
#define TARN_EMBED_INTERNAL_H

#include "embed.h"
#include "tarn_abi.h"

#define TARN_INSTANCE_MAGIC 0x6e726174u /* "tarn" */
#define TARN_INSTANCE_HEAD 64u          /* bytes reserved for struct tarn_instance: part of the ABI of NAME.h */

struct tarn_instance {
  uint32_t magic;
  uint32_t ready; /* parameters are made */
  const tarn_program* program;
  unsigned char* arena;
  uint64_t* mark; /* of an input: rows that are set; of a saved tensor: scratch of tarn_load */
  int64_t seed;
  int64_t total_steps;
};

/* Bytes before the arena. */
static inline uint64_t tarn_instance_head(uint64_t tensor_count, uint64_t alignment) {
  uint64_t bytes = TARN_INSTANCE_HEAD + 8 * tensor_count;
  return (bytes + alignment - 1) / alignment * alignment;
}

static inline int tarn_is_instance(const tarn_instance* instance) {
  return instance->magic == TARN_INSTANCE_MAGIC;
}

/* PARAM, STATE and SLOT: what a checkpoint holds. */
static inline int tarn_is_saved(const tarn_tensor* tensor) {
  return tensor->role <= TARN_SLOT;
}

/* The `index`-th tensor of a role; NULL where there is none. */
const tarn_tensor* tarn_nth_of_role(const tarn_program* program, uint32_t role, uint32_t index);
/* The tensor of that name with first_role <= role <= last_role, or NULL. */
const tarn_tensor* tarn_find_tensor(const tarn_program* program, const char* name, uint32_t first_role,
                                    uint32_t last_role);
/* Writes an i64 scalar where the program has a tensor of that role. */
void tarn_put_scalar(tarn_instance* instance, uint32_t role, int64_t value);
int64_t tarn_get_scalar(const tarn_instance* instance, uint32_t role, int64_t otherwise);

#endif
