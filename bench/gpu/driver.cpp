// See driver.h.
#include "driver.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

static void skip(const std::string& why) {
  printf("SKIPPED: %s\n", why.c_str());
  fflush(stdout);
  _exit(kSkipped);
}

static Driver open_driver() {
  void* library = dlopen("libcuda.so.1", RTLD_NOW);
  if (!library) skip(std::string("no driver: ") + dlerror());
  Driver driver;
#define TEXT(name) #name
#define X(name)                                                                  \
  driver.name = reinterpret_cast<decltype(&::name)>(dlsym(library, TEXT(name))); \
  if (!driver.name) skip("the driver is too old: it has no " TEXT(name));
  CUDA_DRIVER_FUNCTIONS(X)
#undef X
#undef TEXT
  const CUresult started = driver.cuInit(0);
  if (started != CUDA_SUCCESS) skip("cuInit says " + std::to_string(started));
  driver.cuDriverGetVersion(&driver.version);
  if (driver.cuDeviceGet(&driver.device, 0) != CUDA_SUCCESS) skip("the driver sees no device");
  if (driver.cuDevicePrimaryCtxRetain(&driver.context, driver.device) != CUDA_SUCCESS)
    skip("the device gives no context");
  driver.cuCtxSetCurrent(driver.context);
  // Not CU_STREAM_NON_BLOCKING: kernels must come after the copies and fills of the default stream, which return early.
  driver.cuStreamCreate(&driver.stream, CU_STREAM_DEFAULT);
  return driver;
}

Driver& cuda() {
  static Driver driver = open_driver();
  return driver;
}

void check_result(CUresult result, const char* call, const char* file, int line) {
  if (result == CUDA_SUCCESS) return;
  const char* name = nullptr;
  cuda().cuGetErrorName(result, &name);
  printf("%s:%d: %s: %s (%d)\n", file, line, call, name ? name : "?", result);
  fflush(stdout);
  _exit(1);
}

int device_attribute(CUdevice_attribute attribute) {
  int value = 0;
  CU(cuDeviceGetAttribute(&value, attribute, cuda().device));
  return value;
}

static std::string kernel_folder() {
  if (const char* given = getenv("KERNELS")) return given;
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  const std::string program(path, length > 0 ? length : 0);
  return program.substr(0, program.rfind('/')) + "/kernels";
}

std::string read_kernel_file(const std::string& name) {
  std::ifstream file(kernel_folder() + "/" + name, std::ios::binary);
  if (!file) {
    printf("no file %s/%s: run build.sh first\n", kernel_folder().c_str(), name.c_str());
    fflush(stdout);
    _exit(1);
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Module::Module(const std::string& file) {
  const std::string image = read_kernel_file(file);
  cuda();
  CU(cuModuleLoadDataEx(&handle, image.c_str(), 0, nullptr, nullptr));
}

CUfunction Module::function(const std::string& name, unsigned dynamic_shared_bytes) const {
  CUfunction found = nullptr;
  CU(cuModuleGetFunction(&found, handle, name.c_str()));
  if (dynamic_shared_bytes > 48 * 1024)
    CU(cuFuncSetAttribute(found, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                          static_cast<int>(dynamic_shared_bytes)));
  return found;
}

CUresult try_launch(CUfunction function, const Shape& shape, void** args) {
  CUlaunchAttribute attributes[3] = {};
  unsigned count = 0;
  if (shape.cluster > 1) {
    if (shape.cluster > 8) CU(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1));
    attributes[count].id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    attributes[count].value.clusterDim.x = shape.cluster;
    attributes[count].value.clusterDim.y = attributes[count].value.clusterDim.z = 1;
    count++;
  }
  if (shape.programmatic) {
    attributes[count].id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    attributes[count++].value.programmaticStreamSerializationAllowed = 1;
  }
  if (shape.cooperative) {
    attributes[count].id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    attributes[count++].value.cooperative = 1;
  }
  CUlaunchConfig config = {};
  config.gridDimX = shape.blocks;
  config.gridDimY = shape.blocks_y;
  config.gridDimZ = config.blockDimY = config.blockDimZ = 1;
  config.blockDimX = shape.threads;
  config.sharedMemBytes = shape.shared;
  config.hStream = cuda().stream;
  config.attrs = attributes;
  config.numAttrs = count;
  return cuda().cuLaunchKernelEx(&config, function, args, nullptr);
}

void launch_raw(CUfunction function, const Shape& shape, void** args) {
  check_result(try_launch(function, shape, args), "cuLaunchKernelEx", __FILE__, __LINE__);
}
