// Weights and batches of the oracle nets from a 32-bit integer hash: oracle_data.py in C++, exact in f32.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace tarn::oracle {

// Murmur3's 32-bit finaliser (Appleby, public domain).
inline uint32_t mix(uint32_t h) {
  h ^= h >> 16;
  h *= 0x85EBCA6B;
  h ^= h >> 13;
  h *= 0xC2B2AE35;
  h ^= h >> 16;
  return h;
}

inline uint32_t bits(uint32_t stream, uint64_t index) {
  return mix(mix(stream + 0x9E3779B9) ^ static_cast<uint32_t>(index));
}

// k * 2^-23 for k in [-2^23, 2^23): in [-1, 1) and exact in f32.
inline float signed_unit(uint32_t stream, uint64_t index) {
  return static_cast<float>(static_cast<int64_t>(bits(stream, index) >> 8) - (1 << 23)) * 0x1p-23f;
}

// A whole number in [-128, 128).
inline int64_t teacher(uint32_t stream, uint64_t index) {
  return static_cast<int64_t>(bits(stream, index) >> 24) - 128;
}

// 64-bit FNV-1a; chain by passing the value of the call before.
inline uint64_t fnv1a(const void* data, size_t bytes, uint64_t value = 0xCBF29CE484222325) {
  const auto* byte = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < bytes; ++i) value = (value ^ byte[i]) * 0x100000001B3;
  return value;
}

// What one input holds: the fields of a spec in oracle_nets.py, by their names there.
struct InputSpec {
  std::string name, kind;
  std::vector<int64_t> row;
  int64_t classes = 0, shift = 0;
  uint32_t stream = 0;  // 0: the kind's own
  float times = 1;
  int64_t elements() const {
    int64_t count = 1;
    for (int64_t size : row) count *= size;
    return count;
  }
};

struct ParameterSpec {
  std::string path;
  std::vector<int64_t> shape;
  float scale = 0, offset = 0;
};

// Parameter number `number`.
inline std::vector<float> parameter_values(const ParameterSpec& spec, uint32_t number) {
  int64_t count = 1;
  for (int64_t size : spec.shape) count *= size;
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(signed_unit(16 + number, i) * spec.scale + spec.offset);
  return values;
}

// Distance of row `row` of 10 points from plane number `stream`, as a whole number.
inline int64_t plane(uint64_t row, uint32_t stream) {
  int64_t sum = 0;
  for (int64_t feature = 0; feature < 10; ++feature) {
    sum += (static_cast<int64_t>(bits(1, row * 10 + feature) >> 8) - (1 << 23)) * teacher(stream, feature);
  }
  return sum;
}

// f32 [batch, *row] in [0, 1), or `times` that.
inline std::vector<float> points(const InputSpec& spec, int64_t step, int64_t batch) {
  std::vector<float> x;
  const int64_t count = batch * spec.elements();
  for (int64_t i = step * count; i < (step + 1) * count; ++i) {
    x.push_back(static_cast<float>(bits(spec.stream ? spec.stream : 1, i) >> 8) * 0x1p-24f * spec.times);
  }
  return x;
}

// A plane plus the absolute value of another one, rounded once to f32.
inline std::vector<float> bend(int64_t step, int64_t batch) {
  std::vector<float> y;
  for (int64_t i = step * batch; i < (step + 1) * batch; ++i) {
    y.push_back(static_cast<float>(static_cast<double>(plane(i, 3) + std::abs(plane(i, 4))) * 0x1p-31));
  }
  return y;
}

// Label 1 on one side of a plane through the middle of the cube of points.
inline std::vector<int32_t> side(int64_t step, int64_t batch) {
  std::vector<int32_t> y;
  for (int64_t i = step * batch; i < (step + 1) * batch; ++i) y.push_back(plane(i, 3) > 0 ? 1 : 0);
  return y;
}

inline std::vector<int32_t> labels(uint32_t stream, int64_t classes, int64_t step, int64_t batch) {
  std::vector<int32_t> y;
  for (int64_t i = step * batch; i < (step + 1) * batch; ++i)
    y.push_back(static_cast<int32_t>(bits(stream, i) % classes));
  return y;
}

// u8 [batch, *row]: noise, and where the prototype of the row's label (of 10) says so, one pixel in four, its byte.
inline std::vector<uint8_t> images(const InputSpec& spec, int64_t step, int64_t batch) {
  const std::vector<int32_t> label = labels(2, 10, step, batch);
  const int64_t pixels = spec.elements();
  std::vector<uint8_t> x;
  for (int64_t i = 0; i < batch * pixels; ++i) {
    const uint32_t prototype = bits(3, label[i / pixels] * pixels + i % pixels);
    const uint32_t noise = bits(1, step * batch * pixels + i);
    x.push_back(static_cast<uint8_t>(((prototype & 3) == 0 ? prototype : noise) >> 24));
  }
  return x;
}

// Windows of noise, one character longer than a row.
inline std::vector<int32_t> tokens(const InputSpec& spec, int64_t step, int64_t batch) {
  std::vector<int32_t> x;
  const int64_t window = spec.elements();
  for (int64_t i = step * batch; i < (step + 1) * batch; ++i) {
    for (int64_t t = 0; t < window; ++t) {
      x.push_back(static_cast<int32_t>(bits(5, i * (window + 1) + t + spec.shift) % spec.classes));
    }
  }
  return x;
}

// Sums over the elements with 32 sets of random signs: bit k of a hash of the index is the k-th set's sign.
inline std::vector<double> project(const std::vector<double>& values) {
  std::vector<double> sums(32);
  for (size_t i = 0; i < values.size(); ++i) {
    const uint32_t signs = bits(7, i);
    for (size_t k = 0; k < sums.size(); ++k) sums[k] += (signs >> k & 1) != 0 ? values[i] : -values[i];
  }
  return sums;
}

}  // namespace tarn::oracle
