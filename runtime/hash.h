/* XXH64: bytes -> a 64-bit hash, streamed.  It guards checkpoints against cut and flipped bytes, not against malice.
 * Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md (seed 0). */
#ifndef TARN_HASH_H
#define TARN_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TARN_XXH_1 0x9E3779B185EBCA87ull
#define TARN_XXH_2 0xC2B2AE3D27D4EB4Full
#define TARN_XXH_3 0x165667B19E3779F9ull
#define TARN_XXH_4 0x85EBCA77C2B2AE63ull
#define TARN_XXH_5 0x27D4EB2F165667C5ull

typedef struct tarn_hash {
  uint64_t lane[4];
  uint64_t total;
  unsigned char pending[32]; /* the last total % 32 bytes */
} tarn_hash;

static inline uint64_t tarn_hash_rotate(uint64_t x, int bits) {
  return (x << bits) | (x >> (64 - bits));
}

static inline uint64_t tarn_hash_round(uint64_t lane, uint64_t input) {
  return tarn_hash_rotate(lane + input * TARN_XXH_2, 31) * TARN_XXH_1;
}

static inline uint64_t tarn_hash_read64(const unsigned char* p) {
  uint64_t value = 0;
  memcpy(&value, p, 8); /* little-endian hosts only, as all of the runtime */
  return value;
}

static inline void tarn_hash_start(tarn_hash* h) {
  memset(h, 0, sizeof *h);
  h->lane[0] = TARN_XXH_1 + TARN_XXH_2;
  h->lane[1] = TARN_XXH_2;
  h->lane[3] = 0 - TARN_XXH_1;
}

static inline void tarn_hash_stripe(tarn_hash* h, const unsigned char* p) {
  for (size_t i = 0; i < 4; ++i) h->lane[i] = tarn_hash_round(h->lane[i], tarn_hash_read64(p + 8 * i));
}

static inline void tarn_hash_add(tarn_hash* h, const void* bytes, size_t count) {
  const unsigned char* p = (const unsigned char*)bytes;
  size_t held = (size_t)(h->total % 32);
  h->total += count;
  if (count == 0) return;
  if (held != 0) {
    size_t take = 32 - held < count ? 32 - held : count;
    memcpy(h->pending + held, p, take);
    if (held + take < 32) return;
    tarn_hash_stripe(h, h->pending);
    p += take;
    count -= take;
  }
  for (; count >= 32; p += 32, count -= 32) tarn_hash_stripe(h, p);
  memcpy(h->pending, p, count);
}

static inline uint64_t tarn_hash_end(const tarn_hash* h) {
  uint64_t x = TARN_XXH_5;
  if (h->total >= 32) {
    x = tarn_hash_rotate(h->lane[0], 1) + tarn_hash_rotate(h->lane[1], 7) + tarn_hash_rotate(h->lane[2], 12) +
        tarn_hash_rotate(h->lane[3], 18);
    for (int i = 0; i < 4; ++i) x = (x ^ tarn_hash_round(0, h->lane[i])) * TARN_XXH_1 + TARN_XXH_4;
  }
  x += h->total;
  size_t held = (size_t)(h->total % 32), i = 0;
  for (; i + 8 <= held; i += 8)
    x = tarn_hash_rotate(x ^ tarn_hash_round(0, tarn_hash_read64(h->pending + i)), 27) * TARN_XXH_1 + TARN_XXH_4;
  if (i + 4 <= held) {
    uint32_t word = 0;
    memcpy(&word, h->pending + i, 4);
    x = tarn_hash_rotate(x ^ (word * TARN_XXH_1), 23) * TARN_XXH_2 + TARN_XXH_3;
    i += 4;
  }
  for (; i < held; ++i) x = tarn_hash_rotate(x ^ (h->pending[i] * TARN_XXH_5), 11) * TARN_XXH_1;
  x = (x ^ (x >> 33)) * TARN_XXH_2;
  x = (x ^ (x >> 29)) * TARN_XXH_3;
  return x ^ (x >> 32);
}

#endif
