// Calls and loops of an entry point: their order, how often they run and what memory they reach.
#include "codegen/program/program.h"

namespace tarn {

uint64_t KernelCall::bytes_in_loops(size_t b) const {
  int64_t bytes = kernel.buffers[b].type.bytes();
  for (size_t loop = 0; loop < loop_lengths.size() && bytes > 0; ++loop) {
    bytes += buffer_strides[b][loop] * (loop_lengths[loop] - 1);
  }
  return static_cast<uint64_t>(bytes);
}

int64_t KernelCall::runs() const {
  int64_t runs = 1;
  for (int64_t length : loop_lengths) runs *= length;
  return runs;
}

std::vector<ProgramStep> steps_of(const ProgramEntry& entry, int loop) {
  int at = loop < 0 ? 0 : entry.loops[static_cast<size_t>(loop)].first_call;
  int last = loop < 0 ? static_cast<int>(entry.calls.size()) : entry.loops[static_cast<size_t>(loop)].last_call;
  std::vector<ProgramStep> steps;
  auto add_calls = [&](int end) {
    for (; at < end; ++at) steps.push_back({at, -1});
  };
  for (size_t inner = 0; inner < entry.loops.size(); ++inner) {
    if (entry.loops[inner].parent != loop) continue;
    add_calls(entry.loops[inner].first_call);
    steps.push_back({-1, static_cast<int>(inner)});
    at = entry.loops[inner].last_call;
  }
  add_calls(last);
  return steps;
}

}  // namespace tarn
