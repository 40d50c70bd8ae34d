// The host as a device whose arena is mapped from the system: pages cost nothing before they are touched.
#include "device_mapped.h"

#include <sys/mman.h>

#include "device_host.h"

namespace tarn::runtime {

namespace {

struct MappedDevice {
  tarn_host_device host;  // first: what a tarn_device points to
  tarn_crew crew;
  size_t mapped_bytes;
};

}  // namespace

static MappedDevice* mapped(tarn_device* device) {
  return reinterpret_cast<MappedDevice*>(device);
}

// Pages come aligned, and zero.
static int map_arena(tarn_device* device, uint64_t bytes, uint64_t alignment) {
  MappedDevice* self = mapped(device);
  size_t wanted = bytes + alignment;
  if (wanted < bytes) return -1;
  void* memory = mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -1;
  madvise(memory, wanted, MADV_HUGEPAGE);  // a hint; it may fail
  self->host.arena = static_cast<unsigned char*>(memory);
  self->host.capacity = self->mapped_bytes = wanted;
  return 0;
}

static void unmap_arena(tarn_device* device) {
  MappedDevice* self = mapped(device);
  if (self->host.arena != nullptr) munmap(self->host.arena, self->mapped_bytes);
  delete self;
}

static const tarn_device_table kTable = [] {
  tarn_device_table table = tarn_host_device_table;
  table.allocate = map_arena;
  table.release = unmap_arena;
  return table;
}();

static int32_t run_team(void* user, tarn_job job, void* context) {
  return static_cast<Team*>(user)->run(job, context);
}

Device make_mapped_device(Team* team) {
  auto* made = new MappedDevice{{}, {run_team, team}, 0};
  tarn_host_device_make(&made->host, nullptr, 0, team != nullptr ? &made->crew : nullptr);
  made->host.device.table = &kTable;
  return Device(&made->host.device);
}

}  // namespace tarn::runtime
