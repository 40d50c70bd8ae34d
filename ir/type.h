// Element types, shapes and tensor types.  Everything is static: a size is a number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tarn {

// Values equal enum tarn_dtype of runtime/tarn_abi.h.
enum class DType : uint8_t { Bool = 0, U8 = 1, I32 = 2, I64 = 3, F32 = 4, F64 = 5, F16 = 6, BF16 = 7 };

std::string_view dtype_name(DType dtype);  // "f32"
std::optional<DType> dtype_from_name(std::string_view name);
int64_t dtype_bytes(DType dtype);  // Bool is one byte
constexpr bool is_float(DType dtype) {
  return dtype >= DType::F32;
}
// Floats that are stored in 16 bits and computed in f32.
constexpr bool is_half(DType dtype) {
  return dtype == DType::F16 || dtype == DType::BF16;
}
// What arithmetic on elements of this dtype is done in: f32 for the 16-bit floats, else the dtype itself.
constexpr DType computed_dtype(DType dtype) {
  return is_half(dtype) ? DType::F32 : dtype;
}
constexpr bool is_integer(DType dtype) {
  return dtype == DType::U8 || dtype == DType::I32 || dtype == DType::I64;
}

using Shape = std::vector<int64_t>;  // row-major; {} is a scalar; a size may be 0

// Product of the sizes, or nullopt where it leaves int64.
std::optional<int64_t> checked_element_count(const Shape& shape);
int64_t element_count(const Shape& shape);    // for shapes that a verifier has passed
Shape row_major_strides(const Shape& shape);  // in elements
std::string shape_text(const Shape& shape);   // "[32,784]"

struct Type {
  DType dtype = DType::F32;
  Shape shape;

  bool operator==(const Type&) const = default;
  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  int64_t elements() const { return element_count(shape); }
  int64_t bytes() const { return elements() * dtype_bytes(dtype); }
  std::string text() const;  // "f32[32,784]"
};

}  // namespace tarn
