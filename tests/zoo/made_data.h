// A model's records -> small data files that it can train on, of whatever format its `data` block reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace tarn {

struct MadeFile {
  std::string name;
  std::string bytes;
};

// Noise with valid labels: `rows` training rows (windows, of a text) and as many of each split that has files of its
// own.  Fractions are taken from the training rows.
std::vector<MadeFile> make_data(const Module& module, int64_t rows);

}  // namespace tarn
