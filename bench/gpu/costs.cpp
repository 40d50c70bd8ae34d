// What things cost on the device, in medians; the sums and draws among them are checked too.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "driver.h"
#include "graph.h"
#include "harness.h"
#include "numbers.h"

static double microseconds(double seconds) {
  return seconds * 1e6;
}
static unsigned multiprocessors() {
  return static_cast<unsigned>(device_attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
}

// Microseconds of one launch of the graph on the device, and of cuGraphLaunch on the host, in series of `launches`.
struct GraphTime {
  double device, host;
};
static GraphTime time_graph(const Graph& graph, int launches = 20) {
  for (int i = 0; i < 5; i++) graph.run();
  synchronize();
  GraphTime time{};
  time.device = microseconds(median_device_seconds([&] {
                  for (int i = 0; i < launches; i++) graph.run();
                })) /
                launches;
  synchronize();
  time.host = microseconds(median_host_seconds([&] { graph.run(); }, 51));
  synchronize();
  return time;
}

CHECK(launching, "kernels on a stream") {
  const Module module("launches.llvm.cubin");
  const CUfunction nothing = module.function("nothing");
  const double host = median_host_seconds([&] { launch(nothing, {.threads = 32}); }, 201);
  synchronize();
  report("host time of one launch of an empty kernel: %.2f us", microseconds(host));
  const double series = median_device_seconds([&] {
    for (int i = 0; i < 200; i++) launch(nothing, {.threads = 32});
  });
  report("an empty kernel in a series of 200 launches: %.2f us", microseconds(series) / 200);
  const double round = median_host_seconds(
      [&] {
        launch(nothing, {.threads = 32});
        synchronize();
      },
      101);
  report("launch and wait on the host: %.2f us", microseconds(round));
}

CHECK(graph_chains, "chains of dependent kernels in one graph") {
  const Module module("launches.llvm.cubin");
  const unsigned sms = multiprocessors(), count = sms * 256;
  DeviceArray<float> one(count), other(count);
  struct Kind {
    const char* says;
    const char* kernel;
    Edge edge;
    unsigned blocks;
  } const kinds[] = {
      {"empty, 1 block, full edges", "nothing", Edge::kFull, 1},
      {"shift and add, 1 block, full edges", "shift_and_add", Edge::kFull, 1},
      {"the same, programmatic, next starts at once", "shift_and_add_dependent", Edge::kProgrammatic, 1},
      {"the same, programmatic, next starts at the end", "shift_and_add_dependent_late", Edge::kProgrammatic, 1},
      {"shift and add, a block a multiprocessor, full edges", "shift_and_add", Edge::kFull, sms},
      {"the same, programmatic, next starts at once", "shift_and_add_dependent", Edge::kProgrammatic, sms},
      {"the same, programmatic, next starts at the end", "shift_and_add_dependent_late", Edge::kProgrammatic, sms},
      {"shift and add, 8 blocks a multiprocessor, full edges", "shift_and_add", Edge::kFull, 8 * sms},
      {"the same, programmatic, next starts at once", "shift_and_add_dependent", Edge::kProgrammatic, 8 * sms}};
  report(
      "| us a graph: nodes | 1 | 10 | 50 | 200 | us a node, from 50 to 200 | us of cuGraphLaunch on the host, 1 and "
      "200 |");
  report("|---|---|---|---|---|---|---|");
  for (const Kind& kind : kinds) {
    GraphTime times[4];
    const unsigned sizes[4] = {1, 10, 50, 200};
    for (int i = 0; i < 4; i++) {
      Graph graph;
      for (unsigned node = 0; node < sizes[i]; node++)
        graph.kernel(module.function(kind.kernel), {.blocks = kind.blocks, .threads = 256}, kind.edge, one.address,
                     other.address, count);
      graph.instantiate();
      times[i] = time_graph(graph);
    }
    report("| %s | %.2f | %.2f | %.2f | %.2f | %.3f | %.2f, %.2f |", kind.says, times[0].device, times[1].device,
           times[2].device, times[3].device, (times[3].device - times[2].device) / 150, times[0].host, times[3].host);
  }
}

CHECK(graph_round_trip, "one launch of a graph, waited for on the host; and new arguments for a node") {
  const Module module("launches.llvm.cubin");
  Graph graph;
  graph.kernel(module.function("nothing"), {.threads = 32}, Edge::kFull);
  graph.instantiate();
  const double round = median_host_seconds(
      [&] {
        graph.run();
        synchronize();
      },
      101);
  report("launch and wait, one empty node: %.2f us", microseconds(round));
  const double start = now_seconds();
  Graph large;
  for (int node = 0; node < 200; node++) large.kernel(module.function("nothing"), {.threads = 32}, Edge::kFull);
  const double built = now_seconds();
  large.instantiate();
  synchronize();
  report("200 nodes: built in %.0f us, instantiated and uploaded in %.0f us", microseconds(built - start),
         microseconds(now_seconds() - built));
}

CHECK(graph_branches, "four kernels side by side, then the next four, in one graph") {
  const Module module("launches.llvm.cubin");
  const unsigned count = 256;
  DeviceArray<float> one(count), other(count);
  for (unsigned width : {1u, 2u, 4u}) {
    Graph graph;
    std::vector<CUgraphNode> before;
    for (int level = 0; level < 50; level++) {
      std::vector<CUgraphNode> now;
      for (unsigned branch = 0; branch < width; branch++) {
        graph.last = nullptr;
        now.push_back(graph.kernel(module.function("shift_and_add"), {.threads = 256}, Edge::kFull, one.address,
                                   other.address, count));
        for (CUgraphNode from : before) CU(cuGraphAddDependencies(graph.graph, &from, &now.back(), nullptr, 1));
      }
      before = now;
    }
    graph.instantiate();
    report("50 levels of %u kernels, each after all of the level before: %.2f us a level", width,
           time_graph(graph).device / 50);
  }
}

static double ticks_of(const Module& module, const char* kernel, const Shape& shape, unsigned count,
                       std::vector<void*> more = {}) {
  DeviceArray<long long> ticks(1);
  std::vector<void*> args = {&count, &ticks.address};
  args.insert(args.end(), more.begin(), more.end());
  const CUfunction function = module.function(kernel);
  double best = 1e30;
  for (int repeat = 0; repeat < 5; repeat++) {
    launch_raw(function, shape, args.data());
    synchronize();
    best = std::min(best, double(ticks.read()[0]) / count);
  }
  return best;
}

CHECK(barriers, "barriers within a kernel") {
  const Module module("costs.llvm.cubin");
  const double mhz = device_attribute(CU_DEVICE_ATTRIBUTE_CLOCK_RATE) / 1e3;
  report("ticks are of the multiprocessor's clock; its maximum is %.0f MHz", mhz);
  for (unsigned threads : {32u, 128u, 256u, 512u, 1024u})
    report("block barrier, %u threads: %.1f ticks", threads,
           ticks_of(module, "block_barriers", {.threads = threads}, 1000));
  DeviceArray<float> out(16 * 256);
  for (unsigned size : {2u, 4u, 8u, 16u}) {
    const Shape shape{.blocks = size, .threads = 256, .cluster = size};
    report("cluster of %u blocks of 256: barrier %.1f ticks; store to the next block, barrier, read: %.1f ticks", size,
           ticks_of(module, "cluster_barriers", shape, 1000),
           ticks_of(module, "cluster_exchanges", shape, 1000, {&out.address}));
  }
  report("two blocks, 512 bytes there and back by counted stores: %.1f ticks",
         ticks_of(module, "counted_round_trips", {.blocks = 2, .threads = 128, .cluster = 2}, 1000, {&out.address}));
  DeviceArray<unsigned> counter(1);
  DeviceArray<long long> ticks(1);
  for (unsigned blocks : {2u, 16u, 64u, multiprocessors()}) {
    double best = 1e30;
    for (int repeat = 0; repeat < 5; repeat++) {
      counter.write({0});
      launch(module.function("grid_barriers"), {.blocks = blocks, .threads = 256, .cooperative = true}, 1000u,
             counter.address, ticks.address);
      synchronize();
      best = std::min(best, ticks.read()[0] / 1e3);
    }
    report("grid barrier by atomics, %u blocks of 256: %.0f ticks", blocks, best);
  }
}

CHECK(rates, "arithmetic and memory") {
  const Module module("costs.llvm.cubin");
  const unsigned sms = multiprocessors();
  DeviceArray<float> out(1);
  const double fma = median_device_seconds([&] {
    launch(module.function("multiply_adds"), {.blocks = sms * 2, .threads = 1024}, 2000u, 0.999f, 0.5f, out.address);
  });
  report("f32 multiply-add: %.1f TFLOP/s", 2.0 * sms * 2 * 1024 * 2000 * 256 / fma / 1e12);
  const double shared = median_device_seconds(
      [&] { launch(module.function("shared_reads"), {.blocks = sms * 2, .threads = 1024}, 5000u, out.address); });
  report("shared memory, 16 bytes a thread: %.1f TB/s", 16.0 * sms * 2 * 1024 * 5000 * 8 / shared / 1e12);
  for (unsigned megabytes : {4u, 16u, 24u, 32u, 40u}) {
    DeviceArray<char> buffer(size_t(megabytes) << 20);
    buffer.fill_bytes(1);
    const unsigned count = megabytes << 16, turns = 50;
    const double seconds = median_device_seconds([&] {
      launch(module.function("global_reads"), {.blocks = sms * 2, .threads = 1024}, buffer.address, count, turns,
             out.address);
    });
    report("L2, %u MB read again and again: %.2f TB/s", megabytes, 16.0 * count * turns / seconds / 1e12);
  }
  const unsigned count = 1u << 26;  // 1 GB
  DeviceArray<char> from(size_t(count) * 16), to(size_t(count) * 16);
  from.fill_bytes(1);
  const double read = median_device_seconds([&] {
    launch(module.function("global_reads"), {.blocks = sms * 2, .threads = 1024}, from.address, count, 1u, out.address);
  });
  const double copied = median_device_seconds([&] {
    launch(module.function("global_copy"), {.blocks = sms * 8, .threads = 256}, from.address, to.address, count);
  });
  const double by_driver = median_device_seconds(
      [&] { CU(cuMemcpyDtoDAsync(to.address, from.address, size_t(count) * 16, cuda().stream)); });
  report("memory: read %.2f TB/s; copied by a kernel %.2f TB/s and by the driver %.2f TB/s (read and written)",
         16.0 * count / read / 1e12, 32.0 * count / copied / 1e12, 32.0 * count / by_driver / 1e12);
}

CHECK(reductions, "sums in two kernels of fixed order, as a graph") {
  const Module module("costs.llvm.cubin");
  report("| numbers | blocks | us, full edge | us, programmatic edge | GB/s of the better |");
  report("|---|---|---|---|---|");
  for (unsigned count4 : {256u, 2500u, 25000u, 250000u, 2500000u, 25000000u}) {
    const unsigned blocks = std::min(1024u, (count4 + 1023) / 1024);
    const unsigned padded = (blocks + 3) / 4 * 4;
    const auto values = exact_numbers(size_t(count4) * 4, 17);
    double want = 0;
    for (float value : values) want += value;
    DeviceArray<float> source(values), parts(std::vector<float>(padded, 0.0f)), out(1);
    double us[2];
    for (int form = 0; form < 2; form++) {
      Graph graph;
      graph.kernel(module.function("sum_parts"), {.blocks = blocks, .threads = 256}, Edge::kFull, source.address,
                   count4, parts.address);
      graph.kernel(module.function(form ? "sum_parts_dependent" : "sum_parts"), {.threads = 256},
                   form ? Edge::kProgrammatic : Edge::kFull, parts.address, padded / 4, out.address);
      graph.instantiate();
      us[form] = time_graph(graph).device;
      expect_close("sum", out.read(), {static_cast<float>(want)}, 1e-4, 1000);
    }
    report("| %u | %u | %.2f | %.2f | %.0f |", count4 * 4, blocks, us[0], us[1],
           16.0 * count4 / std::min(us[0], us[1]) / 1e3);
  }
}

// Philox 4x32-10 by Salmon et al., 2011.
static void philox_reference(const uint32_t counter[4], uint32_t k0, uint32_t k1, uint32_t out[4]) {
  uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
    const uint32_t next[4] = {uint32_t(p1 >> 32) ^ c[1] ^ k0, uint32_t(p1), uint32_t(p0 >> 32) ^ c[3] ^ k1,
                              uint32_t(p0)};
    for (int i = 0; i < 4; i++) c[i] = next[i];
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int i = 0; i < 4; i++) out[i] = c[i];
}

CHECK(philox, "Philox 4x32-10") {
  const Module module("costs.llvm.cubin");
  const unsigned count4 = 1u << 25, sms = multiprocessors();
  DeviceArray<float> out(size_t(count4) * 4);
  const double filled = median_device_seconds(
      [&] { launch(module.function("philox_fill"), {.blocks = sms * 8, .threads = 256}, out.address, count4); });
  const double kept = median_device_seconds(
      [&] { launch(module.function("philox_consume"), {.blocks = sms * 8, .threads = 256}, out.address, count4); });
  report("%.0f G numbers/s in registers, %.0f G numbers/s written as f32", 4.0 * count4 / kept / 1e9,
         4.0 * count4 / filled / 1e9);
  const auto is = out.read();
  std::vector<float> first(is.begin(), is.begin() + 4000), want;
  for (uint32_t at = 0; at < 1000; at++) {
    const uint32_t counter[4] = {at, 0, 0, 0};
    uint32_t r[4];
    philox_reference(counter, 7, 9, r);
    for (uint32_t bits : r) want.push_back(static_cast<float>(bits >> 8) * 0x1p-24f);
  }
  expect_close("draws", first, want, 0);
}

CHECK(module_loading, "a module of 50 kernels, and 50 modules of one") {
  cuda();
  for (const char* name : {"fifty.llvm.cubin", "fifty.nvcc.cubin", "fifty.llvm.ptx"}) {
    const std::string image = read_kernel_file(name);
    const int repeats = name[strlen(name) - 1] == 'x' ? 1 : 9;
    const auto load = [&] {
      CUmodule module = nullptr;
      CUfunction function = nullptr;
      CU(cuModuleLoadDataEx(&module, image.c_str(), 0, nullptr, nullptr));
      for (int i = 0; i < 50; i++) {
        CU(cuModuleGetFunction(&function, module, ("normalise_" + std::to_string(i)).c_str()));
        CU(cuFuncLoad(function));
      }
      CU(cuModuleUnload(module));
    };
    const double start = now_seconds();
    load();
    const double first = now_seconds() - start;
    if (repeats == 1)
      report("%s, %zu bytes: %.1f ms (compiled by the driver, its cache off if CUDA_CACHE_DISABLE is set)", name,
             image.size(), first * 1e3);
    else
      report("%s, %zu bytes: %.2f ms the first time, %.2f ms later", name, image.size(), first * 1e3,
             median_host_seconds(load, repeats) * 1e3);
  }
  const std::string small = read_kernel_file("count_sm_90a.llvm.cubin");
  const double fifty = median_host_seconds(
      [&] {
        for (int i = 0; i < 50; i++) {
          CUmodule module = nullptr;
          CUfunction function = nullptr;
          CU(cuModuleLoadDataEx(&module, small.c_str(), 0, nullptr, nullptr));
          CU(cuModuleGetFunction(&function, module, "add_one"));
          CU(cuFuncLoad(function));
        }
      },
      3);
  report("50 modules of one small kernel each: %.2f ms", fifty * 1e3);
}

CHECK(copies, "100 KB from pinned memory of the host") {
  const Module module("costs.llvm.cubin");
  const size_t bytes = 100 * 1024;
  void* host = nullptr;
  CUdeviceptr host_on_device = 0;
  CU(cuMemHostAlloc(&host, bytes, CU_MEMHOSTALLOC_DEVICEMAP));
  CU(cuMemHostGetDevicePointer(&host_on_device, host, 0));
  const auto values = random_numbers(bytes / 4, 3);
  memcpy(host, values.data(), bytes);
  DeviceArray<float> to(bytes / 4);
  const auto copy = [&] { CU(cuMemcpyHtoDAsync(to.address, host, bytes, cuda().stream)); };
  report("copy and wait on the host: %.2f us; host time of starting it: %.2f us",
         microseconds(median_host_seconds(
             [&] {
               copy();
               synchronize();
             },
             101)),
         microseconds(median_host_seconds(copy, 101)));
  synchronize();
  report("in a series of 50: %.2f us each", microseconds(median_device_seconds([&] {
                                              for (int i = 0; i < 50; i++) copy();
                                            })) /
                                                50);
  const unsigned count4 = static_cast<unsigned>(bytes / 16);
  report("read by a kernel over the bus, in a series of 50: %.2f us each",
         microseconds(median_device_seconds([&] {
           for (int i = 0; i < 50; i++)
             launch(module.function("read_host"), {.blocks = (count4 + 127) / 128, .threads = 128}, host_on_device,
                    to.address, count4);
         })) /
             50);
  Graph graph;
  for (int i = 0; i < 50; i++) graph.copy_from_host(to.address, host, bytes);
  graph.instantiate();
  report("50 copy nodes in a graph: %.2f us each", time_graph(graph).device / 50);
  const Module launches("launches.llvm.cubin");
  Graph mixed;
  for (int i = 0; i < 50; i++) {
    mixed.copy_from_host(to.address, host, bytes);
    mixed.kernel(launches.function("nothing"), {.threads = 32}, Edge::kFull);
  }
  mixed.instantiate();
  report("a copy node and an empty kernel, 50 times in a graph: %.2f us a pair", time_graph(mixed).device / 50);
  expect(to.read() == values, "other numbers have come than were sent");
}

// What sets conditions, in the form that works (see facts).
static const char* kConditions = "conditional.llvm.cubin";

CHECK(conditions, "nodes whose body runs on a condition set on the device") {
  const Module module(kConditions), launches("launches.llvm.cubin");
  DeviceArray<float> loss(std::vector<float>{1.0f});
  DeviceArray<uint32_t> counter(std::vector<uint32_t>{0});
  const CUfunction count_up = launches.function("count_up");
  for (int form = 0; form < 3; form++) {  // kernels alone; conditions that hold; conditions that do not
    loss.write({form == 2 ? INFINITY : 1.0f});
    Graph graph;
    for (int i = 0; i < 20; i++) {
      if (form == 0) {
        graph.kernel(count_up, {}, Edge::kFull, counter.address);
        graph.kernel(count_up, {}, Edge::kFull, counter.address);
        continue;
      }
      const CUgraphConditionalHandle handle = graph.handle(0);
      graph.kernel(module.function("check_loss"), {}, Edge::kFull, loss.address, handle);
      Graph body(graph.conditional(handle, CU_GRAPH_COND_TYPE_IF));
      body.kernel(count_up, {}, Edge::kFull, counter.address);
    }
    graph.instantiate();
    report("%s: %.2f us",
           form == 0   ? "two kernels"
           : form == 1 ? "a kernel, an IF node that holds, a kernel in it"
                       : "a kernel, an IF node that does not hold",
           time_graph(graph, 5).device / 20);
  }
  for (unsigned kernels : {1u, 4u, 10u}) {
    Graph graph;
    const CUgraphConditionalHandle handle = graph.handle(1);
    Graph body(graph.conditional(handle, CU_GRAPH_COND_TYPE_WHILE));
    DeviceArray<uint32_t> turns(std::vector<uint32_t>{0});
    for (unsigned i = 1; i < kernels; i++) body.kernel(count_up, {}, Edge::kFull, counter.address);
    body.kernel(module.function("count_and_go_on"), {}, Edge::kFull, turns.address, 1000u, handle);
    graph.instantiate();
    const double seconds = median_device_seconds(
        [&] {
          CU(cuMemcpyHtoDAsync(turns.address, std::vector<uint32_t>{0}.data(), 4, cuda().stream));
          graph.run();
        },
        5);
    report("a WHILE node with %u kernels in its body: %.2f us a turn", kernels, microseconds(seconds) / 1000);
  }
}

int main(int argc, char** argv) {
  return run_checks(argc, argv);
}
