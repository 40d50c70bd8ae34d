// What the device does, each against a reference on the CPU: matrix fragments, copies, clusters, registers, loading.
#include <algorithm>
#include <cstdio>

#include "driver.h"
#include "harness.h"
#include "numbers.h"

static const char* const kCompilers[] = {"llvm", "nvcc"};

CHECK(device, "the card and its driver") {
  char name[256] = {};
  CU(cuDeviceGetName(name, sizeof name, cuda().device));
  report("%s, driver for CUDA %d.%d, %d multiprocessors, compute capability %d.%d", name, cuda().version / 1000,
         cuda().version % 1000 / 10, device_attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
         device_attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
         device_attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
  report("%d bytes of shared memory a multiprocessor, %d a block; L2 %d bytes; %d kHz; memory %d kHz, %d bits",
         device_attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR),
         device_attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
         device_attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE), device_attribute(CU_DEVICE_ATTRIBUTE_CLOCK_RATE),
         device_attribute(CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE),
         device_attribute(CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH));
}

CHECK(resolve, "cuGetProcAddress gives the newer forms under the plain names and an old version") {
  struct Wanted {
    const char* name;
    int version;
    void* exact;
  } const wanted[] = {
      {"cuLaunchKernelEx", 11060, reinterpret_cast<void*>(cuda().cuLaunchKernelEx)},
      {"cuTensorMapEncodeTiled", 12000, reinterpret_cast<void*>(cuda().cuTensorMapEncodeTiled)},
      {"cuGraphAddKernelNode", 12000, reinterpret_cast<void*>(cuda().cuGraphAddKernelNode)},
      {"cuGraphAddNode", 12030, reinterpret_cast<void*>(cuda().cuGraphAddNode)},
      {"cuGraphAddDependencies", 12030, reinterpret_cast<void*>(cuda().cuGraphAddDependencies)},
      {"cuGraphConditionalHandleCreate", 12030, reinterpret_cast<void*>(cuda().cuGraphConditionalHandleCreate)},
      {"cuMemAlloc", 3020, reinterpret_cast<void*>(cuda().cuMemAlloc)}};
  for (const Wanted& one : wanted) {
    void* found = nullptr;
    CUdriverProcAddressQueryResult how{};
    const CUresult result = cuda().cuGetProcAddress(one.name, &found, one.version, CU_GET_PROC_ADDRESS_DEFAULT, &how);
    expect(result == CUDA_SUCCESS && found, "%s at version %d is not found (%d)", one.name, one.version, how);
    if (found != one.exact)
      report("%s at version %d is another function than the one of cuda.h 13.0", one.name, one.version);
  }
}

CHECK(mma_bf16, "mma m16n8k16 bf16: ldmatrix for A, ldmatrix for B [n, k], ldmatrix.trans for B [k, n]") {
  const auto a = exact_numbers(256, 1), b = exact_numbers(128, 2), want = product(a, b, 16, 8, 16);
  std::vector<float> both = want;
  both.insert(both.end(), want.begin(), want.end());
  for (const char* compiler : kCompilers) {
    const Module module(std::string("fragments.") + compiler + ".cubin");
    DeviceArray<uint16_t> da(all_bf16(a)), db(all_bf16(b)), dt(all_bf16(transposed(b, 8, 16)));
    DeviceArray<float> c(256);
    c.fill_bytes(0xff);
    launch(module.function("fragments_bf16"), {.threads = 32}, da.address, db.address, dt.address, c.address);
    synchronize();
    expect_close(compiler, c.read(), both, 0);
  }
}

CHECK(mma_tf32, "mma m16n8k8 tf32: fragments one by one and by ldmatrix; what becomes of the low bits") {
  const auto a = random_numbers(128, 3), b = random_numbers(64, 4);
  auto rounded = [](std::vector<float> v, float (*how)(float)) {
    for (float& x : v) x = how(x);
    return v;
  };
  const auto cut = product(rounded(a, tf32_cut), rounded(b, tf32_cut), 16, 8, 8);
  const auto nearest = product(rounded(a, tf32_nearest), rounded(b, tf32_nearest), 16, 8, 8);
  for (const char* compiler : kCompilers) {
    const Module module(std::string("fragments.") + compiler + ".cubin");
    DeviceArray<float> da(a), db(b), c(384);
    c.fill_bytes(0xff);
    launch(module.function("fragments_tf32"), {.threads = 32}, da.address, db.address, c.address);
    synchronize();
    const auto all = c.read();
    const std::vector<float> plain(all.begin(), all.begin() + 128), matrices(all.begin() + 128, all.begin() + 256),
        converted(all.begin() + 256, all.end());
    expect(plain == matrices, "%s: ldmatrix gives other fragments than loads of single words", compiler);
    expect_close("after cvt.rna.tf32, the product of numbers rounded to nearest", converted, nearest, 1e-6);
    const double to_cut = largest_error(plain, cut, 1), to_nearest = largest_error(plain, nearest, 1);
    report("%s: unconverted f32: differs by %.2g from numbers cut off, by %.2g from rounded ones", compiler, to_cut,
           to_nearest);
    expect(std::min(to_cut, to_nearest) < 1e-6, "neither cut off nor rounded");
  }
}

CHECK(copy_async, "cp.async: what is not read is zero, for every count of bytes") {
  std::vector<uint32_t> from(128);
  for (size_t i = 0; i < 128; i++) from[i] = 0x01010101u * static_cast<uint32_t>(i + 1);
  std::vector<unsigned char> want(1024, 0);
  memcpy(want.data(), from.data(), 512);
  for (int slot = 0; slot < 32; slot++) {
    for (int byte = slot % 17; byte < 16; byte++) want[slot * 16 + byte] = 0;
    if (slot % 2) memcpy(want.data() + 512 + slot * 16, from.data() + slot * 4, 16);
  }
  for (const char* compiler : kCompilers) {
    const Module module(std::string("fragments.") + compiler + ".cubin");
    DeviceArray<uint32_t> source(from), out(256);
    launch(module.function("copies_async"), {.threads = 32}, source.address, out.address);
    synchronize();
    const auto is = out.read();
    expect(!memcmp(is.data(), want.data(), 1024), "%s: other bytes than wanted", compiler);
  }
}

CHECK(clusters, "clusters of 2 to 16 blocks: mapa, remote loads and stores, stores counted at a remote barrier") {
  const Module module("cluster.llvm.cubin");
  for (unsigned size : {2u, 3u, 4u, 7u, 8u, 16u}) {
    const unsigned threads = 128;
    DeviceArray<float> out(3 * size * threads);
    out.fill_bytes(0xff);
    launch(module.function("cluster_exchange"), {.blocks = size, .threads = threads, .cluster = size}, out.address);
    synchronize();
    std::vector<float> want;
    for (int what = 0; what < 3; what++)
      for (unsigned rank = 0; rank < size; rank++)
        for (unsigned thread = 0; thread < threads; thread++) {
          const unsigned other = what == 0 ? (rank + 1) % size : (rank + size - 1) % size;
          want.push_back(other * 1000 + thread + (what == 0 ? 0 : what == 1 ? 0.5f : 0.25f));
        }
    expect_close(("cluster of " + std::to_string(size)).c_str(), out.read(), want, 0);
  }
}

CHECK(cluster_limits, "how many clusters of each size fit on the card at once") {
  const Module module("cluster.llvm.cubin");
  const CUfunction function = module.function("cluster_exchange", 200 * 1024);
  CU(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1));
  for (unsigned shared : {0u, 200u * 1024})
    for (unsigned size : {1u, 2u, 4u, 8u, 12u, 16u}) {
      CUlaunchAttribute attribute = {};
      attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
      attribute.value.clusterDim.x = size;
      attribute.value.clusterDim.y = attribute.value.clusterDim.z = 1;
      CUlaunchConfig config = {};
      config.gridDimX = size;
      config.gridDimY = config.gridDimZ = config.blockDimY = config.blockDimZ = 1;
      config.blockDimX = 256;
      config.sharedMemBytes = shared;
      config.attrs = &attribute;
      config.numAttrs = 1;
      int clusters = 0;
      const CUresult result = cuda().cuOccupancyMaxActiveClusters(&clusters, function, &config);
      report("%u KB of shared memory, %u blocks: %d clusters (result %d)", shared / 1024, size, clusters, result);
    }
}

CHECK(move_registers, "setmaxnreg: one warpgroup gives registers, the other takes them") {
  const auto in = random_numbers(200, 9);
  std::vector<float> want;
  for (int thread = 128; thread < 256; thread++) {
    double sum = 0;
    for (int i = 0; i < 200; i++) sum += double(in[i]) * thread * in[199 - i] * thread;
    want.push_back(static_cast<float>(sum));
  }
  for (const char* compiler : kCompilers) {
    const Module module(std::string("launches.") + compiler + ".cubin");
    DeviceArray<float> source(in), out(128);
    out.fill_bytes(0xff);
    launch(module.function("move_registers"), {.threads = 256}, source.address, out.address);
    synchronize();
    expect_close(compiler, out.read(), want, 1e-4);
  }
}

static CUresult load_result(const std::string& file, double* seconds) {
  const std::string image = read_kernel_file(file);
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  const double start = now_seconds();
  CUresult result = cuda().cuModuleLoadDataEx(&module, image.c_str(), 0, nullptr, nullptr);
  if (result == CUDA_SUCCESS) result = cuda().cuModuleGetFunction(&function, module, "add_one");
  *seconds = now_seconds() - start;
  if (result != CUDA_SUCCESS) return result;
  DeviceArray<float> values(std::vector<float>(100, 2.0f));
  launch(function, {.blocks = 1, .threads = 128}, values.address, 100u);
  synchronize();
  expect(values.read() == std::vector<float>(100, 3.0f), "%s computes something else", file.c_str());
  return result;
}

CHECK(loading, "cubins and PTX by cuModuleLoadDataEx, of this architecture and of others") {
  struct File {
    const char* name;
    bool loads;
  } const files[] = {{"count_sm_90.llvm.cubin", true},  {"count_sm_90a.llvm.cubin", true},
                     {"count_sm_80.llvm.cubin", false}, {"count_sm_80.llvm.ptx", true},
                     {"count_sm_90.llvm.ptx", true},    {"count_sm_90a.llvm.ptx", true},
                     {"count_sm_90.nvcc.cubin", true}};
  for (const File& file : files) {
    double seconds = 0;
    const CUresult result = load_result(file.name, &seconds);
    report("%-24s %s in %.2f ms (result %d)", file.name, result == CUDA_SUCCESS ? "loads" : "is refused", seconds * 1e3,
           result);
    expect((result == CUDA_SUCCESS) == file.loads, "%s: expected to be %s", file.name,
           file.loads ? "taken" : "refused");
  }
}

int main(int argc, char** argv) {
  return run_checks(argc, argv);
}
