/* The host as a device: every call is done when it returns. */
#include "device_host.h"

#include <string.h>

static tarn_host_device* host_of(tarn_device* device) {
  return (tarn_host_device*)device;
}

static int host_allocate(tarn_device* device, uint64_t bytes, uint64_t alignment) {
  tarn_host_device* host = host_of(device);
  if (bytes > host->capacity || (uintptr_t)host->arena % (uintptr_t)alignment != 0) return -1;
  memset(host->arena, 0, (size_t)bytes);
  return 0;
}

static void host_release(tarn_device* device) {
  (void)device;
}

static void host_write(tarn_device* device, uint64_t offset, const void* from, uint64_t bytes) {
  if (bytes != 0) memcpy(host_of(device)->arena + offset, from, (size_t)bytes);
}

static void host_zero(tarn_device* device, uint64_t offset, uint64_t bytes) {
  memset(host_of(device)->arena + offset, 0, (size_t)bytes);
}

static void host_read(tarn_device* device, uint64_t offset, void* to, uint64_t bytes) {
  if (bytes != 0) memcpy(to, host_of(device)->arena + offset, (size_t)bytes);
}

static void* host_begin_write(tarn_device* device, uint64_t offset, uint64_t bytes) {
  (void)bytes;
  return host_of(device)->arena + offset;
}

static void host_end_write(tarn_device* device, uint64_t offset, uint64_t bytes) {
  (void)device;
  (void)offset;
  (void)bytes;
}

static const void* host_view(tarn_device* device, uint64_t offset, uint64_t bytes) {
  (void)bytes;
  return host_of(device)->arena + offset;
}

typedef struct host_run {
  unsigned char* arena;
  const tarn_entry* entry;
  const tarn_observer* observer;
} host_run;

static void tell_observer(tarn_team* team, uint32_t kernel) {
  const tarn_observer* observer = (const tarn_observer*)team->user;
  observer->kernel_ended(observer->user, kernel, team->iterations);
}

/* Generated code waits for the whole team around each call of `trace`, on each thread whose team has it: so all have
 * it, or none. */
static int32_t run_on_thread(void* context, tarn_team* team) {
  const host_run* run = (const host_run*)context;
  team->trace = run->observer != NULL ? tell_observer : NULL;
  team->user = (void*)(uintptr_t)run->observer;
  return run->entry->run(run->arena, team);
}

static void host_run_entry(tarn_device* device, const tarn_entry* entry, const tarn_observer* observer) {
  tarn_host_device* host = host_of(device);
  host_run run;
  int32_t code;
  run.arena = host->arena;
  run.entry = entry;
  run.observer = observer;
  if (host->crew != NULL) {
    code = host->crew->run(host->crew->user, run_on_thread, &run);
  } else {
    tarn_team alone;
    memset(&alone, 0, sizeof alone);
    alone.threads = 1;
    code = run_on_thread(&run, &alone);
  }
  host->result = code == 0 ? TARN_RUN_DONE : TARN_RUN_NOT_FINITE;
}

static enum tarn_run_result host_synchronise(tarn_device* device) {
  return host_of(device)->result;
}

const tarn_device_table tarn_host_device_table = {
    host_allocate,    host_release,   host_write, host_zero,      host_read,
    host_begin_write, host_end_write, host_view,  host_run_entry, host_synchronise,
};

void tarn_host_device_make(tarn_host_device* host, void* memory, uint64_t capacity, const tarn_crew* crew) {
  host->device.table = &tarn_host_device_table;
  host->arena = (unsigned char*)memory;
  host->capacity = capacity;
  host->crew = crew;
  host->result = TARN_RUN_DONE;
}
