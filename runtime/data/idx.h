// IDX files (MNIST's format) -> arrays.  Big-endian: 0, 0, type, rank, then `rank` sizes of 4 bytes, then the data.
#pragma once

#include "npy.h"

namespace tarn::runtime {

// The sizes of the file without its data, to tell images (rank >= 2) from labels (rank 1).
Result<std::vector<int64_t>> read_idx_shape(const std::string& path);
Result<Array> read_idx(const std::string& path);

}  // namespace tarn::runtime
