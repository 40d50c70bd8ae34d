// The small nets' training on the CPU, in f64, from fixed data and weights.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "numbers.h"

inline std::vector<int> shuffled_rows(size_t count, int rows, uint32_t seed) {
  std::vector<int> order(count);
  for (int& row : order) {
    seed = seed * 1664525u + 1013904223u;
    row = static_cast<int>((seed >> 8) % static_cast<uint32_t>(rows));
  }
  return order;
}
inline std::vector<double> as_double(const std::vector<float>& values, double scale) {
  std::vector<double> out;
  for (float value : values) out.push_back(value * scale);
  return out;
}
inline std::vector<float> as_float(const std::vector<double>& values) {
  return std::vector<float>(values.begin(), values.end());
}

// softmax's gradient over `classes` logits in place; the loss.
inline double softmax_gradient(double* logits, int classes, int label) {
  const double top = *std::max_element(logits, logits + classes);
  double sum = 0;
  for (int c = 0; c < classes; c++) sum += std::exp(logits[c] - top);
  const double loss = std::log(sum) + top - logits[label];
  for (int c = 0; c < classes; c++) logits[c] = std::exp(logits[c] - top) / sum - (c == label);
  return loss;
}

// 10-5-2, sigmoid, cross entropy, SGD with rate 0.1 and momentum 0.9, batches of 16.
struct SimpleReference {
  static constexpr int kRows = 1000, kSteps = 2000;
  std::vector<float> x = random_numbers(kRows * 10, 31);
  std::vector<int> labels = std::vector<int>(kRows), order = shuffled_rows(kSteps * 16, kRows, 32);
  std::vector<double> parameters = as_double(random_numbers(67, 33), 0.5), velocity = std::vector<double>(67, 0.0);
  double loss = 0;

  SimpleReference() {
    for (int row = 0; row < kRows; row++) labels[row] = x[row * 10] + x[row * 10 + 1] > 0;
    parameters = as_double(parameters_as_float(), 1);
  }
  std::vector<float> parameters_as_float() const { return as_float(parameters); }

  void train(unsigned steps) {
    for (unsigned step = 0; step < steps; step++) {
      std::vector<double> gradient(67, 0.0);
      double *w1 = parameters.data(), *b1 = w1 + 50, *w2 = w1 + 55, *b2 = w1 + 65, *g = gradient.data();
      loss = 0;
      for (int r = 0; r < 16; r++) {
        const int row = order[step * 16 + r];
        double h[5], out[2];
        for (int j = 0; j < 5; j++) {
          double z = b1[j];
          for (int i = 0; i < 10; i++) z += x[row * 10 + i] * w1[i * 5 + j];
          h[j] = 1 / (1 + std::exp(-z));
        }
        for (int c = 0; c < 2; c++) {
          out[c] = b2[c];
          for (int j = 0; j < 5; j++) out[c] += h[j] * w2[j * 2 + c];
        }
        loss += softmax_gradient(out, 2, labels[row]) / 16;
        for (int j = 0; j < 5; j++) {
          const double back = (out[0] * w2[j * 2] + out[1] * w2[j * 2 + 1]) / 16 * h[j] * (1 - h[j]);
          for (int i = 0; i < 10; i++) g[i * 5 + j] += x[row * 10 + i] * back;
          g[50 + j] += back;
          for (int c = 0; c < 2; c++) g[55 + j * 2 + c] += h[j] * out[c] / 16;
        }
        for (int c = 0; c < 2; c++) g[65 + c] += out[c] / 16;
      }
      for (int p = 0; p < 67; p++) {
        velocity[p] = 0.9 * velocity[p] + gradient[p];
        parameters[p] -= 0.1 * velocity[p];
      }
    }
  }
};

// 784-64-32-10, relu, cross entropy, Adam with rate 1e-3, batches of 32.
struct MnistReference {
  static constexpr int kRows = 1000, kSteps = 500;
  // As the kernels lay the small parameters (kernels/mnist_net.h).
  static constexpr unsigned kStride2 = 40, kStride3 = 12, kWeights3 = 64 * kStride2, kBias1 = kWeights3 + 32 * kStride3,
                            kBias2 = kBias1 + 64, kBias3 = kBias2 + 32, kSmall = kBias3 + 16;
  static constexpr unsigned cluster_floats(unsigned blocks) {
    return 2 * (784 / blocks) * 36 + (784 / blocks) * 64 + 32 * 64 + 32 * 204 + kSmall;
  }

  std::vector<unsigned char> images = std::vector<unsigned char>(kRows * 784);
  std::vector<int> labels = std::vector<int>(kRows), order = shuffled_rows(kSteps * 32, kRows, 42);
  struct Layer {
    int in, out;
    std::vector<double> w, b, mw, vw, mb, vb;
    Layer(int in, int out, uint32_t seed)
        : in(in),
          out(out),
          w(as_double(random_numbers(size_t(in) * out, seed), std::sqrt(6.0 / (in + out)))),
          b(as_double(random_numbers(out, seed + 1), 0.1)),
          mw(w.size()),
          vw(w.size()),
          mb(out),
          vb(out) {
      w = as_double(as_float(w), 1);
      b = as_double(as_float(b), 1);
    }
  };
  std::vector<Layer> layers{{784, 64, 51}, {64, 32, 53}, {32, 10, 55}};
  double loss = 0;
  int steps_done = 0;

  MnistReference() {
    const auto noise = random_numbers(images.size(), 41);
    for (int row = 0; row < kRows; row++) {
      labels[row] = row * 7 % 10;
      for (int k = 0; k < 784; k++)
        images[row * 784 + k] =
            static_cast<unsigned char>(127 + 100 * noise[row * 784 + k] + (k % 10 == labels[row] ? 28 : 0));
    }
  }
  std::vector<float> w1_as_float() const { return as_float(layers[0].w); }
  std::vector<float> small_as_laid() const {
    std::vector<float> small(kSmall, 0.0f);
    for (int k = 0; k < 64; k++)
      for (int n = 0; n < 32; n++) small[k * kStride2 + n] = static_cast<float>(layers[1].w[k * 32 + n]);
    for (int k = 0; k < 32; k++)
      for (int n = 0; n < 10; n++) small[kWeights3 + k * kStride3 + n] = static_cast<float>(layers[2].w[k * 10 + n]);
    const unsigned biases[] = {kBias1, kBias2, kBias3};
    for (int layer = 0; layer < 3; layer++)
      for (int n = 0; n < layers[layer].out; n++) small[biases[layer] + n] = static_cast<float>(layers[layer].b[n]);
    return small;
  }

  void train(unsigned steps) {
    for (unsigned step = 0; step < steps; step++) one_step(order.data() + step * 32);
  }

 private:
  void one_step(const int* rows) {
    loss = 0;
    std::vector<std::vector<double>> gw, gb;
    for (const Layer& layer : layers) {
      gw.emplace_back(layer.w.size());
      gb.emplace_back(layer.out);
    }
    for (int r = 0; r < 32; r++) {
      std::vector<double> values[4];
      for (int k = 0; k < 784; k++) values[0].push_back(images[rows[r] * 784 + k] / 255.0);
      for (int l = 0; l < 3; l++) {
        values[l + 1] = layers[l].b;
        for (int k = 0; k < layers[l].in; k++)
          for (int n = 0; n < layers[l].out; n++) values[l + 1][n] += values[l][k] * layers[l].w[k * layers[l].out + n];
        if (l < 2)
          for (double& value : values[l + 1]) value = std::max(value, 0.0);
      }
      loss += softmax_gradient(values[3].data(), 10, labels[rows[r]]) / 32;
      std::vector<double> back = values[3];
      for (double& value : back) value /= 32;
      for (int l = 2; l >= 0; l--) {
        std::vector<double> before(layers[l].in, 0.0);
        for (int k = 0; k < layers[l].in; k++)
          for (int n = 0; n < layers[l].out; n++) {
            gw[l][k * layers[l].out + n] += values[l][k] * back[n];
            before[k] += back[n] * layers[l].w[k * layers[l].out + n];
          }
        for (int n = 0; n < layers[l].out; n++) gb[l][n] += back[n];
        for (int k = 0; k < layers[l].in; k++) before[k] = values[l][k] > 0 ? before[k] : 0;
        back = before;
      }
    }
    steps_done++;
    for (int l = 0; l < 3; l++) {
      adam(layers[l].w, gw[l], layers[l].mw, layers[l].vw);
      adam(layers[l].b, gb[l], layers[l].mb, layers[l].vb);
    }
  }
  void adam(std::vector<double>& w, const std::vector<double>& g, std::vector<double>& m,
            std::vector<double>& v) const {
    const double c1 = 1 - std::pow(0.9, steps_done), c2 = 1 - std::pow(0.999, steps_done);
    for (size_t i = 0; i < w.size(); i++) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      w[i] -= 1e-3 * (m[i] / c1) / (std::sqrt(v[i] / c2) + 1e-8);
    }
  }
};
