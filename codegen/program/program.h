// A whole compiled model before a target sees it: kernels in order for each entry point, and where everything lies in
// the arena.  Made from the planned module by codegen/program/build_program.h; a target turns it into an object file
// whose tables are those of runtime/tarn_abi.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codegen/kernel/kernel.h"
#include "ir/graph.h"

namespace tarn {

// A tensor with a fixed place that outlives an entry point; see tarn_tensor.
struct ProgramTensor {
  std::string name;
  Type type;
  Role role = Role::None;
  uint64_t offset = 0;              // bytes from the start of the arena, 64-aligned
  double initial = 0;               // hypers
  bool is_used_by_predict = false;  // inputs
};

// What a kernel stores, for profiles and for finding the first NaN.
struct KernelOutputInfo {
  std::string name;
  std::string op;
  std::string location;  // "mnist.tarn:7:12" or ""
};

struct KernelCall {
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

// Copies `bytes` from one place of the arena to another, after all kernels (a result that is its argument unchanged, or
// two results of one value) or at the end of each iteration of a loop.
struct ArenaCopy {
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t bytes = 0;
  std::vector<int64_t> from_strides = {}, to_strides = {};  // as buffer_strides; empty outside loops
};

// Runs calls [first_call, last_call), and the loops within, `length` times.
struct ProgramLoop {
  std::string name;  // of its body
  int first_call = 0;
  int last_call = 0;
  int parent = -1;  // the loop around, or -1
  int64_t length = 0;
  bool reverse = false;           // the iterations are length-1 .. 0
  std::vector<ArenaCopy> copies;  // at the end of each iteration
};

struct ProgramEntry {
  std::string name;                // "train_step"
  std::vector<KernelCall> calls;   // in order; those of a loop's body once
  std::vector<ProgramLoop> loops;  // in order of their begin, outer ones first
  std::vector<ArenaCopy> copies;
  // After this many calls the loss is known and nothing persistent has been overwritten: the entry point returns 1 if
  // the f32 at loss_offset is not finite.  -1: no check.
  int check_loss_after = -1;
  uint64_t loss_offset = 0;
};

// One call, or one loop, directly in loop `loop` of the entry point (-1: in none); in order.
struct ProgramStep {
  int call = -1;
  int loop = -1;
};
std::vector<ProgramStep> steps_of(const ProgramEntry& entry, int loop);

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

}  // namespace tarn
