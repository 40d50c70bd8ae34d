/* The safetensors format, in C99 without allocation: named tensors + metadata strings <-> bytes through callbacks.
 *
 *   8 bytes   length n of the header, little-endian
 *   n bytes   JSON: {"__metadata__": {key: string}, name: {"dtype": .., "shape": [..], "data_offsets": [begin, end]}}
 *   the rest  the tensors' bytes; offsets count from here; no holes, no overlaps
 *
 * Source: https://github.com/huggingface/safetensors#format.  A file written here carries the metadata `tarn.hash`:
 * XXH64 in 16 hex digits over everything after the first 8 bytes, those digits read as zeros. */
#ifndef TARN_SAFETENSORS_H
#define TARN_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TARN_ST_MAX_RANK 16
#define TARN_ST_MAX_NAME 1024                   /* bytes of a tensor's name or of a metadata string that is kept */
#define TARN_ST_MAX_HEADER (100u * 1000 * 1000) /* as the reference reader */

/* ---- writing */

typedef struct tarn_st_tensor {
  const char* prefix; /* put before the name; "" for none */
  const char* name;
  uint32_t dtype; /* enum tarn_dtype */
  uint32_t rank;
  const int64_t* shape;
  uint64_t bytes;
  const void* source; /* whatever `read` finds the tensor's bytes by */
} tarn_st_tensor;

typedef struct tarn_st_pair {
  char key[256];
  char value[4096];
} tarn_st_pair;

/* What to write: `tensor(user, i, out)` and `pair(user, i, out)` are asked several times, with equal answers;
 * `read(user, tensor, at, to, count)` gives `count` bytes of a tensor's data from byte `at`. */
typedef struct tarn_st_content {
  void* user;
  size_t tensor_count;
  void (*tensor)(void* user, size_t index, tarn_st_tensor* out);
  size_t pair_count;
  void (*pair)(void* user, size_t index, tarn_st_pair* out);
  void (*read)(void* user, const tarn_st_tensor* tensor, uint64_t at, void* to, size_t count);
} tarn_st_content;

/* Takes `count` bytes; returns 0, or anything else to stop. */
typedef int (*tarn_st_write)(void* user, const void* bytes, size_t count);

/* Bytes that tarn_st_save will write. */
uint64_t tarn_st_size(const tarn_st_content* content);

/* Writes the whole file in order.  Returns 0, or what `write` returned. */
int tarn_st_save(const tarn_st_content* content, tarn_st_write write, void* user);

/* ---- reading */

typedef struct tarn_st_source {
  void* user;
  uint64_t size;                                                       /* of the whole file */
  int (*read)(void* user, uint64_t offset, void* bytes, size_t count); /* 0: all `count` bytes are there */
} tarn_st_source;

typedef struct tarn_st_entry {
  const char* name; /* lives during the call only */
  const char* dtype;
  uint32_t rank;
  uint64_t shape[TARN_ST_MAX_RANK];
  uint64_t begin, end; /* from the first byte of the file; inside it; end - begin = product of shape x element */
} tarn_st_entry;

/* Either may be NULL.  A callback that returns other than 0 stops the scan with that code. */
typedef struct tarn_st_visitor {
  void* user;
  int (*tensor)(void* user, const tarn_st_entry* entry);
  int (*metadata)(void* user, const char* key, const char* value);
} tarn_st_visitor;

/* Why a file is refused. */
enum tarn_st_error {
  TARN_ST_NO_ERROR = 0,
  TARN_ST_UNREADABLE = 1, /* the source's `read` failed */
  TARN_ST_MALFORMED = 2,  /* not a safetensors file, or cut short */
  TARN_ST_DAMAGED = 3     /* its bytes do not fit its checksum */
};

typedef struct tarn_st_info {
  uint64_t data_offset;  /* of the first tensor byte */
  uint64_t tensor_bytes; /* sum over the tensors */
  uint64_t hash_offset;  /* of the 16 digits; 0 where the file has none */
  uint64_t hash;
  enum tarn_st_error error_kind;
  const char* error; /* static text, or NULL */
  uint64_t error_offset;
} tarn_st_info;

/* Reads and checks the header, calling the visitor for every entry.  Returns 0; -1 with info->error set; or a visitor's
 * code.  Checked: sizes, syntax, UTF-8, dtype, overflow, each range, and that the ranges add up to the file.  Left to
 * the visitor: duplicates, and that ranges do not overlap. */
int tarn_st_scan(const tarn_st_source* source, const tarn_st_visitor* visitor, tarn_st_info* info);

/* Returns 0 where the hash fits or the file has none; -1 with info->error set. */
int tarn_st_check_hash(const tarn_st_source* source, tarn_st_info* info);

/* "F32" for TARN_F32, ... */
const char* tarn_st_dtype_name(uint32_t dtype);

#ifdef __cplusplus
}
#endif
#endif
