// Test numbers and reference products.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

// Small integers and halves: exact in bf16 and tf32, so that products of them must come out exactly.
inline std::vector<float> exact_numbers(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int>(seed >> 27) - 16) / 2;
  }
  return values;
}
// In [-1, 1), with all 24 bits.
inline std::vector<float> random_numbers(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int32_t>(seed)) / 2147483648.0f;
  }
  return values;
}
inline uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}
inline float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
inline uint16_t bf16_of(float value) {
  const uint32_t bits = bits_of(value);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline float from_bf16(uint16_t bits) {
  return float_of(static_cast<uint32_t>(bits) << 16);
}
// To tf32's 10 bits of mantissa: nearest, ties away from zero; and by leaving bits off.
inline float tf32_nearest(float value) {
  return float_of((bits_of(value) + 0x1000) & ~0x1fffu);
}
inline float tf32_cut(float value) {
  return float_of(bits_of(value) & ~0x1fffu);
}

inline std::vector<uint16_t> all_bf16(const std::vector<float>& values) {
  std::vector<uint16_t> out;
  for (float value : values) out.push_back(bf16_of(value));
  return out;
}
// a [m, k], b_nk [n, k] -> [m, n], summed in f64.
inline std::vector<float> product(const std::vector<float>& a, const std::vector<float>& b_nk, int m, int n, int k) {
  std::vector<float> c(size_t(m) * n);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int l = 0; l < k; l++) sum += double(a[size_t(i) * k + l]) * b_nk[size_t(j) * k + l];
      c[size_t(i) * n + j] = static_cast<float>(sum);
    }
  return c;
}
template <class T>
std::vector<T> transposed(const std::vector<T>& a, int rows, int columns) {
  std::vector<T> t(a.size());
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) t[size_t(j) * rows + i] = a[size_t(i) * columns + j];
  return t;
}
