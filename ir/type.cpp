// Arithmetic on shapes, and the names of element types.
#include "ir/type.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ir/base/check.h"

namespace tarn {

struct DTypeInfo {
  std::string_view name;
  int64_t bytes;
};
static constexpr DTypeInfo kDTypes[] = {{"bool", 1}, {"u8", 1},  {"i32", 4}, {"i64", 8},
                                        {"f32", 4},  {"f64", 8}, {"f16", 2}, {"bf16", 2}};

std::string_view dtype_name(DType dtype) {
  return kDTypes[static_cast<size_t>(dtype)].name;
}
int64_t dtype_bytes(DType dtype) {
  return kDTypes[static_cast<size_t>(dtype)].bytes;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (size_t i = 0; i < std::size(kDTypes); ++i) {
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::optional<int64_t> checked_element_count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) return std::nullopt;
  }
  return count;
}

int64_t element_count(const Shape& shape) {
  std::optional<int64_t> count = checked_element_count(shape);
  TARN_CHECK(count, "element count of {} overflows", shape_text(shape));
  return *count;
}

Shape row_major_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

std::string shape_text(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}
std::string Type::text() const {
  return fmt::format("{}{}", dtype_name(dtype), shape_text(shape));
}

}  // namespace tarn
