// A device that proves that nobody reaches around its interface: between calls its arena may not be touched, what it
// gives to be read is gone at the next call, what it gives to be filled lies elsewhere, and a run is done as late as
// device.h allows.
#pragma once

#include "device_mapped.h"

struct GuardedCalls {
  int allocate = 0, write = 0, zero = 0, read = 0, begin_write = 0, end_write = 0, view = 0, run = 0, synchronise = 0;
  int all() const { return allocate + write + zero + read + begin_write + end_write + view + run + synchronise; }
};

tarn::runtime::Device make_guarded_device(tarn::runtime::Team* team);

// What a guarded device was asked so far.
const GuardedCalls& calls_of(const tarn_device* device);
