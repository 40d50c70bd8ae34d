// Training steps of small nets: what a resident kernel reaches, against the same step as kernels of a graph.
#include <algorithm>
#include <cstdio>

#include "driver.h"
#include "graph.h"
#include "harness.h"
#include "nets_reference.h"

static void report_time(const char* what, double seconds, unsigned steps) {
  report("%-58s %.3f us a step", what, seconds * 1e6 / steps);
}

static void expect_simple(const char* what, const std::vector<float>& parameters, const std::vector<float>& loss,
                          unsigned steps) {
  SimpleReference reference;
  reference.train(steps);
  expect_close(what, parameters, reference.parameters_as_float(), 2e-4, 0.1);
  expect_close("loss", loss, {static_cast<float>(reference.loss)}, 1e-3, 0.1);
}

CHECK(simple, "10-5-2, sigmoid, SGD with momentum, batch 16: one block") {
  const SimpleReference start;
  DeviceArray<float> x(start.x), loss(1), parameters(67), velocity(67);
  DeviceArray<int> labels(start.labels), order(start.order);
  const auto reset = [&] {
    parameters.write(start.parameters_as_float());
    velocity.write(std::vector<float>(67, 0.0f));
  };
  const unsigned shared = 4 * 740, steps = SimpleReference::kSteps;
  for (const char* compiler : {"llvm", "nvcc"}) {
    const Module module(std::string("simple_net.") + compiler + ".cubin");
    const CUfunction function = module.function("simple_steps");
    const auto run = [&](unsigned count) {
      launch(function, {.threads = 96, .shared = shared}, x.address, labels.address, order.address, parameters.address,
             velocity.address, loss.address, count, 0.1f, 0.9f);
    };
    for (unsigned count : {1u, 2u, 3u, 200u}) {
      reset();
      run(count);
      synchronize();
      expect_simple(compiler, parameters.read(), loss.read(), count);
    }
    report_time((std::string("resident, ") + compiler + ", 2000 steps a launch").c_str(),
                median_device_seconds([&] { run(steps); }), steps);
    report_time((std::string("resident, ") + compiler + ", 50 steps a launch").c_str(),
                median_device_seconds([&] { run(50); }), 50);
    for (Edge edge : {Edge::kFull, Edge::kProgrammatic}) {
      Graph graph;
      for (unsigned step = 0; step < 200; step++)
        graph.kernel(function, {.threads = 96, .shared = shared}, edge, x.address, labels.address,
                     order.address + 64 * step, parameters.address, velocity.address, loss.address, 1u, 0.1f, 0.9f);
      graph.instantiate();
      reset();
      graph.run();
      synchronize();
      expect_simple("graph", parameters.read(), loss.read(), 200);
      report_time((std::string("a kernel a step in a graph, ") + compiler +
                   (edge == Edge::kFull ? ", full edges" : ", programmatic edges"))
                      .c_str(),
                  median_device_seconds([&] { graph.run(); }), 200);
    }
  }
}

struct MnistOnDevice {
  MnistReference start;
  DeviceArray<unsigned char> images{start.images};
  DeviceArray<int> labels{start.labels}, order{start.order};
  DeviceArray<float> w1{784 * 64}, small{MnistReference::kSmall}, loss{32};
  void reset() {
    w1.write(start.w1_as_float());
    small.write(start.small_as_laid());
    loss.fill_bytes(0xff);
  }
  void expect_after(const char* what, unsigned steps) {
    MnistReference reference;
    reference.train(steps);
    // Adam divides by the gradient's size, so that a gradient near 0 turns rounding into whole steps of the rate.
    expect_close(what, w1.read(), reference.w1_as_float(), 2e-3, 0.5);
    expect_close(what, small.read(), reference.small_as_laid(), 2e-3, 0.5);
    double sum = 0;
    for (float part : loss.read()) sum += part;
    expect_close("loss", {static_cast<float>(sum)}, {static_cast<float>(reference.loss)}, 1e-3, 0.1);
  }
};

CHECK(mnist_cluster, "784-64-32-10, relu, Adam, batch 32: one cluster") {
  MnistOnDevice net;
  const unsigned steps = MnistReference::kSteps;
  for (const char* compiler : {"llvm", "nvcc"})
    for (unsigned blocks : {8u, 16u}) {
      const Module module(std::string("mnist_cluster.") + compiler + ".cubin");
      const unsigned shared = 4 * MnistReference::cluster_floats(blocks);
      const CUfunction function = module.function("mnist_steps_" + std::to_string(blocks), shared);
      const auto run = [&](unsigned count) {
        launch(function, {.blocks = blocks, .threads = 256, .shared = shared, .cluster = blocks}, net.images.address,
               net.labels.address, net.order.address, net.w1.address, net.small.address, net.loss.address, count,
               1e-3f);
      };
      const std::string what = "resident, " + std::to_string(blocks) + " blocks, " + compiler;
      for (unsigned count : {1u, 20u}) {
        net.reset();
        run(count);
        synchronize();
        net.expect_after(what.c_str(), count);
      }
      net.reset();
      report_time((what + ", 500 steps a launch").c_str(), median_device_seconds([&] { run(steps); }), steps);
    }
}

CHECK(mnist_graph, "the same as three kernels a step in a graph") {
  MnistOnDevice net;
  DeviceArray<float> parts(28 * 32 * 64), records(32 * 204), moments1(2 * 784 * 64),
      moments_small(2 * MnistReference::kSmall);
  DeviceArray<float> powers[2] = {DeviceArray<float>(2), DeviceArray<float>(2)};
  const auto reset = [&] {
    net.reset();
    moments1.fill_bytes(0);
    moments_small.fill_bytes(0);
    powers[0].write({1, 1});
  };
  for (const char* compiler : {"llvm", "nvcc"})
    for (Edge edge : {Edge::kFull, Edge::kProgrammatic}) {
      const Module module(std::string("mnist_graph.") + compiler + ".cubin");
      const auto record = [&](Graph& graph, unsigned steps) {
        for (unsigned step = 0; step < steps; step++) {
          const CUdeviceptr order = net.order.address + 4 * 32 * step;
          graph.kernel(module.function("mnist_first"), {.blocks = 28, .threads = 256, .shared = 4 * 28 * (36 + 64)},
                       edge, net.images.address, order, net.w1.address, parts.address);
          graph.kernel(module.function("mnist_rows"),
                       {.blocks = 16, .threads = 256, .shared = 4 * (MnistReference::kSmall + 2 * 204)}, edge,
                       net.labels.address, order, parts.address, net.small.address, records.address, net.loss.address);
          graph.kernel(module.function("mnist_update"),
                       {.blocks = 44, .threads = 256, .shared = 4 * (32 * 204 + 28 * 36)}, edge, net.images.address,
                       order, records.address, net.w1.address, moments1.address, net.small.address,
                       moments_small.address, powers[(step + 1) % 2].address, powers[step % 2].address, 1e-3f);
        }
        graph.instantiate();
      };
      Graph graph;
      record(graph, 20);
      reset();
      graph.run();
      synchronize();
      const std::string what =
          std::string("three kernels, ") + compiler + (edge == Edge::kFull ? ", full edges" : ", programmatic edges");
      net.expect_after(what.c_str(), 20);
      report_time((what + ", 20 steps a graph").c_str(), median_device_seconds([&] { graph.run(); }), 20);
      Graph one;
      record(one, 1);
      report_time((what + ", a step a graph, 50 launches").c_str(), median_device_seconds([&] {
                    for (int i = 0; i < 50; i++) one.run();
                  }),
                  50);
    }
}

int main(int argc, char** argv) {
  return run_checks(argc, argv);
}
