// A kernel that every architecture has, for what the driver loads.
#include "device.h"

KERNEL void add_one(float* values, unsigned count) {
  const unsigned i = block_index() * thread_count() + thread_index();
  if (i < count) values[i] += 1;
}
