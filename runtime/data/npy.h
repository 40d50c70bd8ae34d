// .npy files <-> arrays.  Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "elements.h"

namespace tarn::runtime {

struct Array {
  FileType type = FileType::U8;
  std::vector<int64_t> shape;  // at least [rows]
  Bytes bytes;                 // row-major, native byte order
  int64_t rows() const { return shape[0]; }
  int64_t row_elements() const;
};

// C order, numeric dtypes, either byte order; versions 1 to 3; gzip too.
Result<Array> read_npy(const std::string& path);

// The header for data of `dtype` (enum tarn_dtype, but TARN_BF16: the format has none) and `shape`, padded as the format
// asks.
std::string npy_header(uint32_t dtype, const std::vector<int64_t>& shape);

// Product of the sizes; -1 where it overflows or one is negative.
int64_t checked_product(const std::vector<int64_t>& sizes, size_t first_axis);

}  // namespace tarn::runtime
