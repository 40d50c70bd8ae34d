// Where every value of a planned module lies in the arena: read from the records that pass plan_memory writes.
//
//   record tensor "fc1.w" {dtype="f32", initial=0.0, offset=0, role="param", shape=[784,64]}
//   record arena "" {bytes=..., persistent=...}
//   record place "train_step/fc1.out" {offset=...}
//
// Arguments lie at the tensor of their name.  Other values of an entry function have a place; a reshape's result lies
// where its operand does.  A result whose value has another place than its tensor is copied there at the end.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ir/base/result.h"
#include "ir/graph.h"

namespace tarn {

inline constexpr int64_t kArenaAlignment = 64;  // bytes: a cache line, and the widest vector

constexpr int64_t align_up(int64_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

struct MemoryPlan {
  struct Tensor {
    std::string name;
    Type type;
    Role role = Role::None;
    int64_t offset = 0;
    double initial = 0;
  };
  std::vector<Tensor> tensors;
  std::map<std::string, int64_t> places;  // "train_step/fc1.out" -> offset
  int64_t persistent_bytes = 0;
  int64_t arena_bytes = 0;

  const Tensor* find_tensor(std::string_view name) const;
  // Offset of every value of an entry function; -1 for a value that has none.
  std::vector<int64_t> offsets(const Func& func) const;
};

// Error: the module has not been planned, or its records are damaged.
Result<MemoryPlan> read_memory_plan(const Module& module);
void write_memory_plan(const MemoryPlan& plan, Module& module);

// True where `result` of kernel function `kernel` may be stored over its argument: every element is then read, by the
// loop iteration that stores it, before it is stored (K4 of codegen/kernel.h).
bool can_overlay(const Func& kernel, size_t argument, size_t result);

// The range of ops during which each value must keep its memory: [made, last_read]; made is -1 for arguments, last_read
// is the number of ops for results.  Reads through a reshape count for what it names.
struct LiveRange {
  int made = -1;
  int last_read = -1;
};
std::vector<LiveRange> live_ranges(const Func& func);

// The value whose memory `value` names: through reshapes at the level of the entry function.
ValueId root_of(const Func& func, const std::vector<int>& defining, ValueId value);

// Proves that no two live buffers overlap, in every entry function, but where can_overlay holds; returns what is wrong.
std::vector<std::string> validate_memory_plan(const Module& module);

}  // namespace tarn
