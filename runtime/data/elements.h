// One numeric type -> another, element by element, refusing what would change a value silently.
#pragma once

#include <cstdint>
#include <string>

#include "../file.h"
#include "../tarn_abi.h"

namespace tarn::runtime {

// The numeric types of IDX and npy files.
enum class FileType { Bool, U8, I8, U16, I16, U32, I32, U64, I64, F16, F32, F64 };

uint64_t file_type_bytes(FileType type);
const char* file_type_name(FileType type);

// Reverses the bytes of every element (big-endian files).
void swap_elements(Bytes& bytes, FileType type);

// Elements of `from` (native byte order) as `to`, in a new block; equal types only move.  Integers must fit, floats
// must be whole to become integers, integers must be exact to become floats; floats are rounded to narrower ones but
// must not overflow.
// `classes` > 0: each must lie in 0..classes-1.  `row_elements` is for the message: "row 7: label 12 ...".
Result<Bytes> convert_elements(Bytes from, FileType type, uint32_t to, int64_t classes, uint64_t row_elements,
                               const std::string& path);

}  // namespace tarn::runtime
