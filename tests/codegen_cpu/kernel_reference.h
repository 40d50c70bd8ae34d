// The meaning of a kernel by plain loops, one element at a time, in f64 (integers in 64 bits, wrapped to their type).
#pragma once

#include <cstdint>
#include <vector>

#include "codegen/kernel/kernel.h"

namespace tarn::testing {

using Bytes = std::vector<uint8_t>;

// `buffers`: one for each of kernel.buffers; outputs are overwritten.
void run_reference(const Kernel& kernel, std::vector<Bytes>& buffers);

double read_element(const Bytes& bytes, DType dtype, int64_t element);
void write_element(Bytes& bytes, DType dtype, int64_t element, double value);

}  // namespace tarn::testing
