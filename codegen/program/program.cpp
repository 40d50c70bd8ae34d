// Steps of an entry point: their launches in order, how often these run and what memory they reach.
#include "codegen/program/program.h"

namespace tarn {

uint64_t LaunchStep::bytes_in_loops(size_t b) const {
  int64_t bytes = kernel.buffers[b].type.bytes();
  for (size_t loop = 0; loop < loop_lengths.size() && bytes > 0; ++loop) {
    bytes += buffer_strides[b][loop] * (loop_lengths[loop] - 1);
  }
  return static_cast<uint64_t>(bytes);
}

int64_t LaunchStep::runs() const {
  int64_t runs = 1;
  for (int64_t length : loop_lengths) runs *= length;
  return runs;
}

static void collect_launches(const std::vector<Step>& steps, std::vector<const LaunchStep*>& launches) {
  for (const Step& step : steps) {
    if (const LaunchStep* launch = std::get_if<LaunchStep>(&step.node)) launches.push_back(launch);
    if (const LoopStep* loop = std::get_if<LoopStep>(&step.node)) collect_launches(loop->body, launches);
  }
}

std::vector<const LaunchStep*> launches_of(const std::vector<Step>& steps) {
  std::vector<const LaunchStep*> launches;
  collect_launches(steps, launches);
  return launches;
}

std::vector<const LaunchStep*> launches_of(const ProgramEntry& entry) {
  return launches_of(entry.steps);
}

const ProgramEntry* find_entry(const Program& program, EntryPoint entry) {
  for (const ProgramEntry& candidate : program.entries) {
    if (candidate.name == entry_name(entry)) return &candidate;
  }
  return nullptr;
}

}  // namespace tarn
