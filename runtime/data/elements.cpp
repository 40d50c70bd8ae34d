// One numeric type -> another, element by element, refusing what would change a value silently.
#include "elements.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../half.h"
#include "../model.h"
#include "../text.h"

namespace tarn::runtime {

uint64_t file_type_bytes(FileType type) {
  static const uint64_t kBytes[] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8};
  return kBytes[static_cast<int>(type)];
}

const char* file_type_name(FileType type) {
  static const char* const kNames[] = {"bool", "u8",  "i8",  "u16", "i16", "u32",
                                       "i32",  "u64", "i64", "f16", "f32", "f64"};
  return kNames[static_cast<int>(type)];
}

void swap_elements(Bytes& bytes, FileType type) {
  size_t width = file_type_bytes(type);
  for (size_t at = 0; width > 1 && at + width <= bytes.size(); at += width)
    std::reverse(bytes.data() + at, bytes.data() + at + width);
}

// One element: a double, or an integer where is_int.  A u64 of 2^63 and more is not: it is `large`, and `real` is near it.
struct Number {
  double real;
  int64_t whole;
  bool is_int;
  uint64_t large = 0;
};

template <typename T>
static T load(const unsigned char* p) {
  T value;
  memcpy(&value, p, sizeof value);
  return value;
}

static Number whole_number(int64_t value) {
  return {static_cast<double>(value), value, true};
}
static Number real_number(double value) {
  return {value, 0, false};
}

static Number load_number(const unsigned char* p, FileType type) {
  switch (type) {
    case FileType::Bool:
      return whole_number(*p != 0);
    case FileType::U8:
      return whole_number(*p);
    case FileType::I8:
      return whole_number(load<int8_t>(p));
    case FileType::U16:
      return whole_number(load<uint16_t>(p));
    case FileType::I16:
      return whole_number(load<int16_t>(p));
    case FileType::U32:
      return whole_number(load<uint32_t>(p));
    case FileType::I32:
      return whole_number(load<int32_t>(p));
    case FileType::I64:
      return whole_number(load<int64_t>(p));
    case FileType::U64: {
      uint64_t value = load<uint64_t>(p);
      if (value <= INT64_MAX) return whole_number(static_cast<int64_t>(value));
      return {static_cast<double>(value), 0, false, value};
    }
    case FileType::F16:
      return real_number(half_value(load<uint16_t>(p), TARN_F16));
    case FileType::F32:
      return real_number(load<float>(p));
    case FileType::F64:
      return real_number(load<double>(p));
  }
  return real_number(0);
}

// Makes `number` an integer where it is a whole float.
static bool as_integer(Number& number) {
  if (number.is_int) return true;
  if (!(std::fabs(number.real) < 9.2e18) || number.real != std::floor(number.real)) return false;
  number = whole_number(static_cast<int64_t>(number.real));
  return true;
}

template <typename T>
static bool store_integer(unsigned char* p, Number number, int64_t least, int64_t most) {
  if (!as_integer(number) || number.whole < least || number.whole > most) return false;
  T value = static_cast<T>(number.whole);
  memcpy(p, &value, sizeof value);
  return true;
}

template <typename T>
static bool store_real(unsigned char* p, Number number) {
  T value = static_cast<T>(number.real);
  constexpr T kEnd = static_cast<T>(18446744073709551616.0);  // 2^64, where the conversion back ends
  if (number.large != 0 && (value >= kEnd || static_cast<uint64_t>(value) != number.large)) return false;
  if (number.is_int && (std::fabs(number.real) > 9.2e18 || static_cast<int64_t>(value) != number.whole)) return false;
  if (std::isinf(value) && !std::isinf(number.real)) return false;
  memcpy(p, &value, sizeof value);
  return true;
}

static bool store_half(unsigned char* p, uint32_t dtype, Number number) {
  uint16_t bits = half_bits(number.real, dtype);
  double value = half_value(bits, dtype);
  if (number.is_int && value != number.real) return false;
  if (std::isinf(value) && !std::isinf(number.real)) return false;
  memcpy(p, &bits, sizeof bits);
  return true;
}

static bool store_number(unsigned char* p, uint32_t to, const Number& number) {
  switch (static_cast<tarn_dtype>(to)) {
    case TARN_BOOL:
      return store_integer<uint8_t>(p, number, 0, 1);
    case TARN_U8:
      return store_integer<uint8_t>(p, number, 0, 255);
    case TARN_I32:
      return store_integer<int32_t>(p, number, INT32_MIN, INT32_MAX);
    case TARN_I64:
      return store_integer<int64_t>(p, number, INT64_MIN, INT64_MAX);
    case TARN_F32:
      return store_real<float>(p, number);
    case TARN_F64:
      return store_real<double>(p, number);
    case TARN_F16:
    case TARN_BF16:
      return store_half(p, to, number);
  }
  return false;
}

static bool is_same(FileType type, uint32_t to) {
  return (type == FileType::U8 && to == TARN_U8) || (type == FileType::I32 && to == TARN_I32) ||
         (type == FileType::I64 && to == TARN_I64) || (type == FileType::F32 && to == TARN_F32) ||
         (type == FileType::F64 && to == TARN_F64) || (type == FileType::F16 && to == TARN_F16);
}

Result<Bytes> convert_elements(Bytes from, FileType type, uint32_t to, int64_t classes, uint64_t row_elements,
                               const std::string& path) {
  if (is_same(type, to) && classes == 0) return from;
  uint64_t width = file_type_bytes(type), to_width = dtype_bytes(to), count = from.size() / width;
  Bytes out;
  if (!out.resize(count * to_width)) return Error{path + ": out of memory"};
  for (uint64_t i = 0; i < count; ++i) {
    Number number = load_number(from.data() + i * width, type);
    auto row = static_cast<unsigned long long>(i / std::max<uint64_t>(row_elements, 1));
    if (classes > 0 && (!as_integer(number) || number.whole < 0 || number.whole >= classes))
      return Error{format("%s: row %llu: label %g is not one of the %lld classes 0..%lld", path.c_str(), row,
                          number.real, static_cast<long long>(classes), static_cast<long long>(classes - 1))};
    if (!store_number(out.data() + i * to_width, to, number))
      return Error{format("%s: row %llu: the %s value %.17g does not fit into %s", path.c_str(), row,
                          file_type_name(type), number.real, dtype_name(to))};
  }
  return out;
}

}  // namespace tarn::runtime
