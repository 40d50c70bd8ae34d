// Weights and batches of the oracle nets from a 32-bit integer hash: oracle_data.py line by line, exact in f32.
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

struct Parameter {
  std::string path;
  std::vector<int64_t> shape;  // w: [In, Out], b: [Out]
  std::vector<float> values;
};

struct Layer {
  int64_t in, out;
  float scale;  // of w: the power of two next to Xavier's bound
};

inline constexpr float kBiasScale = 0.0625f;

// fc1.w, fc1.b, fc2.w, ...: streams 16, 17, 18, ...
inline std::vector<Parameter> parameters_of(const std::vector<Layer>& layers) {
  std::vector<Parameter> result;
  uint32_t stream = 16;
  for (size_t number = 0; number < layers.size(); ++number) {
    const Layer& layer = layers[number];
    const std::string path = "fc" + std::to_string(number + 1);
    Parameter w{path + ".w", {layer.in, layer.out}, {}};
    for (int64_t i = 0; i < layer.in * layer.out; ++i) w.values.push_back(signed_unit(stream, i) * layer.scale);
    Parameter b{path + ".b", {layer.out}, {}};
    for (int64_t i = 0; i < layer.out; ++i) b.values.push_back(signed_unit(stream + 1, i) * kBiasScale);
    result.push_back(std::move(w));
    result.push_back(std::move(b));
    stream += 2;
  }
  return result;
}

// 64-bit FNV-1a; chain by passing the value of the call before.
inline uint64_t fnv1a(const void* data, size_t bytes, uint64_t value = 0xCBF29CE484222325) {
  const auto* byte = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < bytes; ++i) value = (value ^ byte[i]) * 0x100000001B3;
  return value;
}

// Whole number `feature` of row `row` of the endless stream of points, in [0, 2^24); the input is it times 2^-24.
inline int64_t point(uint64_t row, int64_t features, int64_t feature) {
  return bits(1, row * features + feature) >> 8;
}

// Distance of a row of 10 features from plane number `stream`, as a whole number.
inline int64_t plane(uint64_t row, uint32_t stream) {
  int64_t sum = 0;
  for (int64_t feature = 0; feature < 10; ++feature) {
    sum += (point(row, 10, feature) - (1 << 23)) * teacher(stream, feature);
  }
  return sum;
}

// x: f32 [batch, 10] of step number `step`.
inline std::vector<float> points_batch(int64_t step, int64_t batch) {
  std::vector<float> x;
  for (int64_t i = 0; i < batch * 10; ++i) {
    x.push_back(static_cast<float>(point(step * batch + i / 10, 10, i % 10)) * 0x1p-24f);
  }
  return x;
}

// Label 1 on one side of a plane through the middle of the cube.
inline std::vector<int32_t> simple_labels(int64_t step, int64_t batch) {
  std::vector<int32_t> y;
  for (int64_t i = 0; i < batch; ++i) y.push_back(plane(step * batch + i, 3) > 0 ? 1 : 0);
  return y;
}

// A plane plus the absolute value of another one, rounded once to f32.
inline std::vector<float> regression_targets(int64_t step, int64_t batch) {
  std::vector<float> y;
  for (int64_t i = 0; i < batch; ++i) {
    const int64_t sum = plane(step * batch + i, 3) + std::abs(plane(step * batch + i, 4));
    y.push_back(static_cast<float>(static_cast<double>(sum) * 0x1p-31));
  }
  return y;
}

inline std::vector<uint8_t> mnist_labels(int64_t step, int64_t batch) {
  std::vector<uint8_t> y;
  for (int64_t i = 0; i < batch; ++i) y.push_back(static_cast<uint8_t>(bits(2, step * batch + i) % 10));
  return y;
}

// u8 [batch, 784]: noise, and where the class's prototype says so (one pixel in four) the prototype's byte.
inline std::vector<uint8_t> mnist_images(int64_t step, int64_t batch) {
  const std::vector<uint8_t> labels = mnist_labels(step, batch);
  std::vector<uint8_t> x;
  for (int64_t i = 0; i < batch * 784; ++i) {
    const uint32_t prototype = bits(3, uint64_t{labels[i / 784]} * 784 + i % 784);
    const uint32_t noise = bits(1, step * batch * 784 + i);
    x.push_back(static_cast<uint8_t>(((prototype & 3) == 0 ? prototype : noise) >> 24));
  }
  return x;
}

}  // namespace tarn::oracle
