// Graphs: chains with full and programmatic edges, programmatic launches on a stream, conditions set on the device.
#include <cmath>
#include <cstdio>
#include <limits>

#include "driver.h"
#include "graph.h"
#include "harness.h"
#include "numbers.h"

constexpr unsigned kCount = 132 * 256, kNodes = 64;

// `kNodes` times: shifted by one, and one added.
static std::vector<float> shifted(const std::vector<float>& start) {
  std::vector<float> want(start.size());
  for (size_t i = 0; i < start.size(); i++) want[i] = start[(i + kNodes) % start.size()] + kNodes;
  return want;
}

struct Chain {
  const char* kernel;
  Edge edge;
};
static const Chain kChains[] = {{"shift_and_add", Edge::kFull},
                                {"shift_and_add_dependent", Edge::kProgrammatic},
                                {"shift_and_add_dependent_late", Edge::kProgrammatic},
                                {"shift_and_add_dependent", Edge::kFull}};

CHECK(graph_edges, "chains of 64 kernels in a graph, each reading the whole of the one before") {
  const auto start = exact_numbers(kCount, 5), want = shifted(start);
  for (const char* compiler : {"llvm", "nvcc"}) {
    const Module module(std::string("launches.") + compiler + ".cubin");
    for (const Chain& chain : kChains) {
      DeviceArray<float> one(start), other(kCount);
      Graph graph;
      for (unsigned node = 0; node < kNodes; node++)
        graph.kernel(module.function(chain.kernel), {.blocks = 132, .threads = 256}, chain.edge,
                     node % 2 ? other.address : one.address, node % 2 ? one.address : other.address, kCount);
      graph.instantiate();
      for (int repeat = 0; repeat < 20; repeat++) {
        one.write(start);
        graph.run();
        synchronize();
        expect_close(chain.kernel, one.read(), want, 0);
      }
    }
  }
}

CHECK(stream_edges, "the same on a stream with programmatic launches") {
  const auto start = exact_numbers(kCount, 6), want = shifted(start);
  const Module module("launches.llvm.cubin");
  for (const char* kernel : {"shift_and_add_dependent", "shift_and_add_dependent_late"})
    for (int repeat = 0; repeat < 20; repeat++) {
      DeviceArray<float> one(start), other(kCount);
      for (unsigned node = 0; node < kNodes; node++)
        launch(module.function(kernel), {.blocks = 132, .threads = 256, .programmatic = true},
               node % 2 ? other.address : one.address, node % 2 ? one.address : other.address, kCount);
      synchronize();
      expect_close(kernel, one.read(), want, 0);
    }
}

// The forms in which a kernel that sets a condition can reach the driver.
static const char* const kForms[] = {"conditional.llvm.ptx", "conditional.llvm.cubin", "conditional.linked.cubin"};

static bool loads(const char* file) {
  const std::string image = read_kernel_file(file);
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  CUresult result = cuda().cuModuleLoadDataEx(&module, image.c_str(), 0, nullptr, nullptr);
  if (result == CUDA_SUCCESS) result = cuda().cuModuleGetFunction(&function, module, "check_loss");
  report("%-26s %s (result %d)", file, result == CUDA_SUCCESS ? "loads" : "is refused", result);
  return result == CUDA_SUCCESS;
}

static void check_if(const char* file) {
  const Module module(file), counting("launches.llvm.cubin");
  DeviceArray<float> loss(1);
  DeviceArray<uint32_t> counter(std::vector<uint32_t>{0});
  Graph graph;
  const CUgraphConditionalHandle handle = graph.handle(0);
  graph.kernel(module.function("check_loss"), {}, Edge::kFull, loss.address, handle);
  Graph body(graph.conditional(handle, CU_GRAPH_COND_TYPE_IF));
  body.kernel(counting.function("count_up"), {}, Edge::kFull, counter.address);
  graph.instantiate();
  const float infinity = std::numeric_limits<float>::infinity();
  uint32_t want = 0;
  for (float value : {1.0f, infinity, -2.0f, std::nanf(""), -infinity, 3.0f}) {
    loss.write({value});
    graph.run();
    synchronize();
    want += std::isfinite(value);
    expect(counter.read()[0] == want, "%s: after a loss of %g the body has run %u times instead of %u", file, value,
           counter.read()[0], want);
  }
}

static void check_while(const char* file) {
  const Module module(file);
  DeviceArray<uint32_t> counter(std::vector<uint32_t>{0});
  Graph graph;
  const CUgraphConditionalHandle handle = graph.handle(1);
  Graph body(graph.conditional(handle, CU_GRAPH_COND_TYPE_WHILE));
  body.kernel(module.function("count_and_go_on"), {}, Edge::kFull, counter.address, 1000u, handle);
  graph.instantiate();
  graph.run();
  synchronize();
  expect(counter.read()[0] == 1000, "%s: the loop ran %u times instead of 1000", file, counter.read()[0]);
}

CHECK(conditions_load, "a kernel that calls cudaGraphSetConditional: which forms the driver takes") {
  bool any = false;
  for (const char* form : kForms) any |= loads(form);
  expect(any, "no form is taken");
}
CHECK(conditions_ptx, "a condition set on the device, from PTX that the driver links: an IF node, a WHILE node") {
  check_if(kForms[0]);
  check_while(kForms[0]);
}
CHECK(conditions_cubin, "the same from ptxas's cubin, the function left undefined") {
  check_if(kForms[1]);
  check_while(kForms[1]);
}
CHECK(conditions_linked, "the same from a cubin linked by nvlink with the device runtime") {
  check_if(kForms[2]);
  check_while(kForms[2]);
}
