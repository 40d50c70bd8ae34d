// The small nets' kernels on the CPU, threads as fibers, against the reference: their logic without a GPU.
#define EMULATED
#include "kernels/mnist_cluster.cu"
#include "kernels/mnist_graph.cu"
#include "kernels/simple_net.cu"

#include <cstdio>

#include "nets_reference.h"

static bool failed = false;

static void expect_close(const char* what, const std::vector<float>& is, const std::vector<float>& want,
                         double within) {
  double largest = 0;
  for (size_t i = 0; i < want.size(); i++) {
    const double error = std::fabs(double(is[i]) - want[i]) / (std::fabs(want[i]) + 0.1);
    if (!(error <= largest)) largest = std::isnan(error) ? INFINITY : error;
  }
  printf("%-40s largest error %.2g\n", what, largest);
  failed |= !(largest <= within);
}

static void simple_net() {
  for (unsigned steps : {1u, 2u, 3u, 50u}) {
    SimpleReference reference;
    std::vector<float> parameters = reference.parameters_as_float(), velocity(67, 0.0f), loss(1);
    emulated::run(1, 96, 1, 4 * 740, [&] {
      simple_steps(reference.x.data(), reference.labels.data(), reference.order.data(), parameters.data(),
                   velocity.data(), loss.data(), steps, 0.1f, 0.9f);
    });
    reference.train(steps);
    expect_close(("10-5-2, steps " + std::to_string(steps)).c_str(), parameters, reference.parameters_as_float(), 1e-4);
    expect_close("  loss", loss, {static_cast<float>(reference.loss)}, 1e-4);
  }
}

static void expect_mnist(const std::string& what, unsigned steps, const std::vector<float>& w1,
                         const std::vector<float>& small, const std::vector<float>& loss) {
  MnistReference reference;
  reference.train(steps);
  double sum = 0;
  for (float part : loss) sum += part;
  expect_close((what + ", first weights").c_str(), w1, reference.w1_as_float(), 1e-3);
  expect_close("  small parameters", small, reference.small_as_laid(), 1e-3);
  expect_close("  loss", {static_cast<float>(sum)}, {static_cast<float>(reference.loss)}, 1e-4);
}

static void mnist_in_cluster(unsigned blocks, unsigned steps) {
  const MnistReference start;
  std::vector<float> w1 = start.w1_as_float(), small = start.small_as_laid(), loss(32);
  emulated::run(blocks, 256, blocks, 4 * MnistReference::cluster_floats(blocks), [&] {
    (blocks == 16 ? mnist_steps_16 : mnist_steps_8)(start.images.data(), start.labels.data(), start.order.data(),
                                                    w1.data(), small.data(), loss.data(), steps, 1e-3f);
  });
  expect_mnist("784-64-32-10, cluster of " + std::to_string(blocks), steps, w1, small, loss);
}

static void mnist_as_kernels(unsigned steps) {
  const MnistReference start;
  std::vector<float> w1 = start.w1_as_float(), small = start.small_as_laid(), loss(32), parts(28 * 32 * 64),
                     records(32 * 204), moments1(2 * 784 * 64), moments_small(2 * MnistReference::kSmall);
  alignas(16) float powers[2][2] = {{1, 1}, {0, 0}};
  for (unsigned step = 0; step < steps; step++) {
    const int* order = start.order.data() + 32 * step;
    emulated::run(28, 256, 1, 4 * 28 * 100, [&] { mnist_first(start.images.data(), order, w1.data(), parts.data()); });
    emulated::run(16, 256, 1, 4 * (MnistReference::kSmall + 2 * 204), [&] {
      mnist_rows(start.labels.data(), order, parts.data(), small.data(), records.data(), loss.data());
    });
    emulated::run(44, 256, 1, 4 * (32 * 204 + 28 * 36), [&] {
      mnist_update(start.images.data(), order, records.data(), w1.data(), moments1.data(), small.data(),
                   moments_small.data(), powers[(step + 1) % 2], powers[step % 2], 1e-3f);
    });
  }
  expect_mnist("784-64-32-10, three kernels", steps, w1, small, loss);
}

int main() {
  simple_net();
  for (unsigned steps : {1u, 5u}) {
    mnist_in_cluster(16, steps);
    mnist_in_cluster(8, steps);
    mnist_as_kernels(steps);
  }
  puts(failed ? "does not hold" : "all holds");
  return failed;
}
