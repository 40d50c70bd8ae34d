// A whole compiled model before a target sees it: for each entry point a list of steps, and where everything lies in
// the arena.  Made from the planned module by codegen/program/build_program.h; a target turns it into an object file
// whose tables are those of runtime/tarn_abi.h.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "codegen/kernel/kernel.h"
#include "ir/entry.h"
#include "ir/graph.h"

namespace tarn {

// Flags of a tensor: the bits of the runtime's enum tarn_tensor_flag, as the targets' tables assert.
inline constexpr uint32_t kUsedByPredict = 1;  // inputs
inline constexpr uint32_t kOnlyByPredict = 2;  // inputs: no step reads it
inline constexpr uint32_t kWithoutBatch = 4;   // inputs and outputs

// A tensor with a fixed place that outlives an entry point; see tarn_tensor.
struct ProgramTensor {
  std::string name;
  Type type;
  Role role = Role::None;
  uint64_t offset = 0;  // bytes from the start of the arena, 64-aligned
  double initial = 0;   // a hyper's default; how many classes an input's numbers stand for, 0: plain numbers
  uint32_t flags = 0;   // ProgramTensorFlag
};

// What a kernel stores, for profiles and for finding the first NaN.
struct KernelOutputInfo {
  std::string name;
  std::string op;
  std::string location;  // "mnist.tarn:7:12" or ""
};

// Runs a kernel.
struct LaunchStep {
  Kernel kernel;
  std::vector<uint64_t> buffer_offsets;   // where each of kernel.buffers lies in the arena, in bytes, 64-aligned
  std::vector<KernelOutputInfo> outputs;  // one for each Out buffer
  std::string summary;                    // see tarn_kernel.summary
  // In loops: by how many bytes each buffer moves with each iteration of the loops around, outermost first.
  std::vector<std::vector<int64_t>> buffer_strides = {};
  std::vector<int64_t> loop_lengths = {};  // of the loops around, outermost first

  // From where buffer `b` lies in the first iteration to where it ends in the last.
  uint64_t bytes_in_loops(size_t b) const;
  int64_t runs() const;  // in one run of the entry point
};

// Copies `bytes` from one place of the arena to another.  The places do not overlap.
struct CopyStep {
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t bytes = 0;
  std::vector<int64_t> from_strides = {}, to_strides = {};  // as buffer_strides; empty outside loops
};

// Ends the entry point with status 1 where the scalar at `offset` is NaN or infinite: no step after this one runs, and
// none before it has overwritten anything persistent.  Never in a loop.
struct CheckStep {
  std::string name;  // of the scalar: "loss"
  DType dtype = DType::F32;
  uint64_t offset = 0;
};

struct Step;

// Runs `body` `length` times, one iteration after the other.
struct LoopStep {
  std::string name;  // of its body
  int64_t length = 0;
  bool reverse = false;  // the iterations are length-1 .. 0
  std::vector<Step> body;
};

// A target handles each kind; a further one (a library's routine, a collective of several machines) is one more.
struct Step {
  std::variant<LaunchStep, LoopStep, CopyStep, CheckStep> node;
};

struct ProgramEntry {
  std::string name;         // "train_step"
  std::vector<Step> steps;  // each sees what those before it have stored
};

// The launches of an entry point in order, those of a loop's body once: by its position here, a launch is known to
// tables and traces.
std::vector<const LaunchStep*> launches_of(const ProgramEntry& entry);
std::vector<const LaunchStep*> launches_of(const std::vector<Step>& steps);

struct Program {
  std::string name;
  std::string hash;
  uint64_t arena_bytes = 0;
  uint64_t persistent_bytes = 0;  // tensors lie in [0, persistent_bytes), scratch after it
  int64_t batch = 0;
  std::vector<ProgramTensor> tensors;
  std::vector<ProgramEntry> entries;  // any of init, train_step, eval_step, predict
  std::string config;                 // JSON
};

// nullptr where the program has no such entry point.
const ProgramEntry* find_entry(const Program& program, EntryPoint entry);

// The steps of every entry point, a line each.  `tarn build --emit=program` prints it.
std::string print(const Program& program);

}  // namespace tarn
