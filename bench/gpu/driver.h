// The CUDA driver, opened at run time: no program here links against anything of NVIDIA's.
//
// Every function is found in libcuda.so.1 under the exact name that <cuda.h> gives it (cuMemAlloc_v2, cuGraphAddNode_v2),
// so that its type there is its type here.  check() ends the process with the call's text and the driver's error name.
#pragma once
#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// clang-format off: it indents each line further than the one before
#define CUDA_DRIVER_FUNCTIONS(X)                                                                                      \
  X(cuInit) X(cuDriverGetVersion) X(cuDeviceGet) X(cuDeviceGetCount) X(cuDeviceGetName) X(cuDeviceGetAttribute)       \
  X(cuDevicePrimaryCtxRetain) X(cuCtxSetCurrent) X(cuCtxSynchronize) X(cuGetErrorName) X(cuGetProcAddress)            \
  X(cuModuleLoadDataEx) X(cuModuleUnload) X(cuModuleGetFunction) X(cuFuncSetAttribute) X(cuFuncGetAttribute)          \
  X(cuFuncLoad) X(cuLaunchKernel) X(cuLaunchKernelEx) X(cuOccupancyMaxActiveClusters) X(cuMemAlloc)                   \
  X(cuMemFree) X(cuMemcpyHtoD) X(cuMemcpyDtoH) X(cuMemcpyHtoDAsync) X(cuMemcpyDtoDAsync) X(cuMemsetD8)                \
  X(cuMemHostAlloc) X(cuMemFreeHost) X(cuMemHostGetDevicePointer) X(cuStreamCreate) X(cuStreamSynchronize)            \
  X(cuEventCreate) X(cuEventRecord) X(cuEventSynchronize) X(cuEventElapsedTime) X(cuGraphCreate)                      \
  X(cuGraphDestroy) X(cuGraphAddKernelNode) X(cuGraphAddMemcpyNode) X(cuGraphAddNode) X(cuGraphAddDependencies)       \
  X(cuGraphKernelNodeSetAttribute) X(cuGraphConditionalHandleCreate) X(cuGraphInstantiateWithFlags)                   \
  X(cuGraphLaunch) X(cuGraphUpload) X(cuGraphExecDestroy) X(cuGraphExecKernelNodeSetParams)                           \
  X(cuTensorMapEncodeTiled)
// clang-format on

struct Driver {
#define X(name) decltype(&::name) name;
  CUDA_DRIVER_FUNCTIONS(X)
#undef X
  int version = 0;
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUstream stream = nullptr;
};

// Opens the driver and the first device's primary context at the first call.  Without a library or a device the process
// says why and ends with kSkipped.
Driver& cuda();
constexpr int kSkipped = 77;

void check_result(CUresult result, const char* call, const char* file, int line);
#define CU(call) check_result(cuda().call, #call, __FILE__, __LINE__)

int device_attribute(CUdevice_attribute attribute);

// A folder of kernels, built by build.sh: $KERNELS, else "kernels" beside the program.
std::string read_kernel_file(const std::string& name);

struct Module {
  explicit Module(const std::string& file);  // "fragments.llvm.cubin", "fragments.nvcc.ptx"
  CUfunction function(const std::string& name, unsigned dynamic_shared_bytes = 0) const;
  CUmodule handle = nullptr;
};

// Device memory of its own; freed with the process.
template <class T>
struct DeviceArray {
  CUdeviceptr address = 0;
  size_t count = 0;
  explicit DeviceArray(size_t n) : count(n) { CU(cuMemAlloc(&address, n * sizeof(T) + 16)); }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) { write(values); }
  void write(const std::vector<T>& values) { CU(cuMemcpyHtoD(address, values.data(), values.size() * sizeof(T))); }
  void fill_bytes(unsigned char byte) { CU(cuMemsetD8(address, byte, count * sizeof(T))); }
  std::vector<T> read() const {
    std::vector<T> values(count);
    CU(cuMemcpyDtoH(values.data(), address, count * sizeof(T)));
    return values;
  }
};

struct Shape {
  unsigned blocks = 1, threads = 1, shared = 0, cluster = 1, blocks_y = 1;
  bool programmatic = false;  // may start before the kernel in front of it on the stream has ended
  bool cooperative = false;   // all blocks are resident at once, or the launch fails
};

// `args`: addresses of the kernel's arguments, as cuLaunchKernel takes them.
CUresult try_launch(CUfunction function, const Shape& shape, void** args);
void launch_raw(CUfunction function, const Shape& shape, void** args);

template <class... Args>
void launch(CUfunction function, const Shape& shape, Args... args) {
  void* pointers[] = {static_cast<void*>(&args)..., nullptr};
  launch_raw(function, shape, pointers);
}
inline void synchronize() {
  CU(cuStreamSynchronize(cuda().stream));
}
