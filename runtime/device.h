/* Where an instance's memory is and where its code runs: the only way to an arena, in C99.
 *
 * A device holds one arena.  Places in it are named by their offset (tarn_tensor.offset) and a number of bytes, and lie
 * inside it: callers see to that.  What is asked for takes effect in the order in which it is asked; `write`, `zero`,
 * `end_write` and `run` may return before it is done, `read`, `view` and `synchronise` wait for all that was asked
 * before.  No pointer into memory that code of the model uses is kept by anybody: what `begin_write` and `view` give is
 * the device's to choose (a host gives the arena itself, another device a buffer that the bus reads) and ends as said
 * there.  One thread at a time uses a device. */
#ifndef TARN_DEVICE_H
#define TARN_DEVICE_H

#include "tarn_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tarn_device tarn_device;

/* How the entry point that was run last has ended. */
enum tarn_run_result {
  TARN_RUN_DONE = 0,
  TARN_RUN_NOT_FINITE = 1, /* the loss is not finite: nothing persistent was changed */
  TARN_RUN_FAILED = 2      /* the device could not do what it was asked since the last synchronise */
};

/* Told after each kernel of a run, in loops in each iteration: nothing runs meanwhile, so that `read` and `view` show
 * what the kernel left.  `iterations`: of the loops around it, outermost first (tarn_team). */
typedef struct tarn_observer {
  void (*kernel_ended)(void* user, uint32_t kernel, const uint64_t* iterations);
  void* user;
} tarn_observer;

/* What a device can do; `allocate` comes first, `release` last. */
typedef struct tarn_device_table {
  /* The arena, all zeros.  Returns 0 where there is that much memory of that alignment. */
  int (*allocate)(tarn_device* device, uint64_t bytes, uint64_t alignment);
  void (*release)(tarn_device* device);

  void (*write)(tarn_device* device, uint64_t offset, const void* from, uint64_t bytes);
  void (*zero)(tarn_device* device, uint64_t offset, uint64_t bytes);
  void (*read)(tarn_device* device, uint64_t offset, void* to, uint64_t bytes);

  /* Memory to fill with what is to be written: all of it, until `end_write` of the same place.  Saves the copy that
   * `write` makes.  Several places may be open at once. */
  void* (*begin_write)(tarn_device* device, uint64_t offset, uint64_t bytes);
  void (*end_write)(tarn_device* device, uint64_t offset, uint64_t bytes);

  /* What is there, to be read until the next call of anything.  Saves the copy that `read` makes. */
  const void* (*view)(tarn_device* device, uint64_t offset, uint64_t bytes);

  /* Runs an entry point of the program over the arena; `observer` may be NULL. */
  void (*run)(tarn_device* device, const tarn_entry* entry, const tarn_observer* observer);
  enum tarn_run_result (*synchronise)(tarn_device* device);
} tarn_device_table;

/* The first member of every device. */
struct tarn_device {
  const tarn_device_table* table;
};

#ifdef __cplusplus
}
#endif
#endif
