// Where every value of a planned module lies in the arena: read from the records that pass plan_memory writes.
//
//   record tensor "fc1.w" {dtype="f32", initial=0.0, offset=0, role="param", shape=[784,64]}
//   record arena "" {bytes=..., persistent=...}
//   record place "train_step/fc1.out" {offset=...}
//   record place "cell/x" {offset=..., strides=[512]}
//
// Arguments of entry functions lie at the tensor of their name.  Other values have a place; a reshape's result lies
// where its operand does, and a scan's final carry where the initial one does.  A result whose value has another place
// than its tensor is copied there at the end.
//
// In a body, a place moves by strides[k] bytes with each iteration of the k-th loop around it, outermost first.  A
// body's carry lies where the scan's does; a next carry that has another place is copied there when the iteration ends,
// and so is an output.
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
  struct Place {
    int64_t offset = -1;           // -1: none
    std::vector<int64_t> strides;  // one for each loop around; empty: outside loops

    bool operator==(const Place&) const = default;
  };
  std::vector<Tensor> tensors;
  std::map<std::string, Place> places;  // by "train_step/fc1.out"
  int64_t persistent_bytes = 0;
  int64_t arena_bytes = 0;

  const Tensor* find_tensor(std::string_view name) const;
  // Place of every value of an entry function or body.
  std::vector<Place> places_of(const Func& func) const;
};

// Error: the module has not been planned, or its records are damaged.
Result<MemoryPlan> read_memory_plan(const Module& module);
void write_memory_plan(const MemoryPlan& plan, Module& module);

// True where `result` of kernel function `kernel` may be stored over its argument: every element is then read, by the
// loop iteration that stores it, before it is stored (K4 of codegen/kernel/kernel.h).
bool can_overlay(const Func& kernel, size_t argument, size_t result);

// The range of ops during which each value must keep its memory: [made, last_read]; made is -1 for arguments, last_read
// is the number of ops for results.  Reads through a reshape count for what it names.
struct LiveRange {
  int made = -1;
  int last_read = -1;
};
std::vector<LiveRange> live_ranges(const Func& func);

// The value whose memory `value` names: through reshapes, and from a scan's final carries to the initial ones.
ValueId root_of(const Func& func, const std::vector<int>& defining, ValueId value);

// Proves that every value is whole when it is read, in every entry function and each iteration of its loops, by running
// the plan on a map of what memory holds; returns what is wrong.
std::vector<std::string> validate_memory_plan(const Module& module);

}  // namespace tarn
