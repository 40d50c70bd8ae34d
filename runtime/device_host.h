/* The host as a device: an arena in memory that is given, run by the calling thread or by a team of threads. */
#ifndef TARN_DEVICE_HOST_H
#define TARN_DEVICE_HOST_H

#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What each thread of a team is to do; thread 0's answer counts. */
typedef int32_t (*tarn_job)(void* context, tarn_team* team);

/* Threads that do a job together: `run` calls it once on each, with its own tarn_team, and returns thread 0's answer
 * when all have returned. */
typedef struct tarn_crew {
  int32_t (*run)(void* user, tarn_job job, void* context);
  void* user;
} tarn_crew;

typedef struct tarn_host_device {
  tarn_device device;
  unsigned char* arena;
  uint64_t capacity; /* bytes at `arena` */
  const tarn_crew* crew;
  enum tarn_run_result result;
} tarn_host_device;

/* Lays a device over `capacity` bytes at `memory`, which stay the caller's: `release` does nothing.  `crew` may be NULL:
 * then code runs on the calling thread. */
void tarn_host_device_make(tarn_host_device* host, void* memory, uint64_t capacity, const tarn_crew* crew);

/* Its functions, for devices that differ in where the memory comes from. */
extern const tarn_device_table tarn_host_device_table;

#ifdef __cplusplus
}
#endif
#endif
