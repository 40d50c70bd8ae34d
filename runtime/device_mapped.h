// The host as a device whose arena is mapped from the system, run by a team of threads.
#pragma once

#include <memory>

#include "device.h"
#include "team.h"

namespace tarn::runtime {

struct ReleaseDevice {
  void operator()(tarn_device* device) const { device->table->release(device); }
};
using Device = std::unique_ptr<tarn_device, ReleaseDevice>;

// `team` outlives every run; null: code runs on the calling thread.
Device make_mapped_device(Team* team);

}  // namespace tarn::runtime
