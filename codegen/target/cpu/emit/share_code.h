// Launches whose kernels are equal but for names run one function, which is told where their buffers lie: the layers of a
// net then cost one compilation.
#pragma once

#include <cstdint>
#include <vector>

#include "codegen/program/program.h"

namespace tarn {

// For each launch of each entry, in order: the number of the function that it runs, and whether others run it too.
struct SharedCode {
  size_t function = 0;
  bool is_shared = false;
};
std::vector<std::vector<SharedCode>> share_code(const Program& program);

}  // namespace tarn
