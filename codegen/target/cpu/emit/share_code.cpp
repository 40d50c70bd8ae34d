// Finds launches that can run the same code.
#include "codegen/target/cpu/emit/share_code.h"

#include <fmt/format.h>

#include <map>

namespace tarn {

namespace {

// A smaller kernel is code that knows its places: reading them from a table would be felt.
constexpr double kSharedWork = 100'000;  // FLOPs and bytes of one run

// All that the code depends on but the places themselves.
std::string key_of(const LaunchStep& launch) {
  Kernel kernel = launch.kernel;
  kernel.name.clear();
  for (size_t b = 0; b < kernel.buffers.size(); ++b) kernel.buffers[b].name = fmt::format("b{}", b);
  for (size_t v = 0; v < kernel.variables.size(); ++v) kernel.variables[v].name = fmt::format("v{}", v);
  std::string key = print(kernel);
  for (DType dtype : kernel.scalars) key += dtype_name(dtype);
  for (size_t a = 0; a < kernel.buffers.size(); ++a) {
    uint64_t begin = launch.buffer_offsets[a], end = begin + launch.bytes_in_loops(a);
    for (size_t b = 0; b < a; ++b) {
      uint64_t other = launch.buffer_offsets[b], other_end = other + launch.bytes_in_loops(b);
      if (begin < other_end && other < end) key += fmt::format(" {}/{}", a, b);
    }
  }
  for (const auto& strides : launch.buffer_strides) key += fmt::format(" {}", fmt::join(strides, ","));
  return key + fmt::format(" {}", fmt::join(launch.loop_lengths, ","));
}

}  // namespace

std::vector<std::vector<SharedCode>> share_code(const Program& program) {
  std::map<std::string, size_t> numbers;
  std::vector<std::vector<SharedCode>> result;
  std::vector<int> uses;
  for (const ProgramEntry& entry : program.entries) {
    std::vector<SharedCode>& codes = result.emplace_back();
    for (const LaunchStep* launch : launches_of(entry)) {
      size_t number = uses.size();
      KernelCost cost = cost_of(launch->kernel);
      if (cost.flops + cost.bytes >= kSharedWork) number = numbers.try_emplace(key_of(*launch), number).first->second;
      if (number == uses.size()) uses.push_back(0);
      ++uses[number];
      codes.push_back({number, false});
    }
  }
  for (std::vector<SharedCode>& codes : result) {
    for (SharedCode& code : codes) code.is_shared = uses[code.function] > 1;
  }
  return result;
}

}  // namespace tarn
