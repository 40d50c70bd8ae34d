// The tensor IR: a module of functions in SSA form over static tensors.
//
// A function is a list of ops in execution order; each value is defined once, before its uses.  No op has side effects:
// what outlives a step (parameters, optimizer slots, counters) comes in as arguments and leaves as results.  A result
// whose name and role equal an argument's overwrites that argument.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ir/attr.h"
#include "ir/base/source.h"
#include "ir/type.h"

namespace tarn {

struct OpDef;

struct ValueId {
  uint32_t index = UINT32_MAX;

  bool operator==(const ValueId&) const = default;
  auto operator<=>(const ValueId&) const = default;
  bool is_valid() const { return index != UINT32_MAX; }
};

struct Value {
  Type type;
  std::string name;  // unique in its function
};

struct Op {
  const OpDef* def = nullptr;
  std::vector<ValueId> operands;
  std::vector<ValueId> results;  // one, except for calls, scans and grad
  Attrs attrs;
  Location location;

  ValueId result() const { return results.front(); }
};

// What an argument or result of an entry point is for.  Values equal enum tarn_role of runtime/tarn_abi.h;
// None is for functions that are not entry points.
enum class Role : uint8_t {
  Param = 0,
  State = 1,
  Slot = 2,
  Hyper = 3,
  Input = 4,
  Step = 5,
  Seed = 6,
  Count = 7,
  TotalSteps = 8,
  Epoch = 9,
  Loss = 10,
  Metric = 11,
  Output = 12,
  None = 255,
};
std::string_view role_name(Role role);  // "param"; "" for None
bool role_from_name(std::string_view name, Role& role);
// Saved in checkpoints and kept from step to step: Param, State, Slot, Step.
bool is_persistent(Role role);

struct Argument {
  ValueId value;
  Role role = Role::None;
  double initial = 0;  // Hyper only: its default
};

struct FuncResult {
  ValueId value;
  std::string name;  // path, "fc1.w"
  Role role = Role::None;
};

// Entry: called from outside.  Kernel: fused ops that run as one kernel, called by `call`.  Body: of a loop.
enum class FuncKind : uint8_t { Entry, Kernel, Body };

struct Func {
  std::string name;  // without @
  FuncKind kind = FuncKind::Entry;
  std::vector<Argument> args;
  std::vector<Op> ops;
  std::vector<FuncResult> results;
  std::vector<Value> values;  // indexed by ValueId

  const Value& value(ValueId id) const { return values[id.index]; }
  const Type& type(ValueId id) const { return values[id.index].type; }
  const std::string& name_of(ValueId id) const { return values[id.index].name; }
  // Adds a value named `name`, or `name.1`, `name.2`, ... where that is taken.
  ValueId add_value(Type type, std::string_view name);
  // Gives the value another name, made unique in the same way.
  void rename(ValueId value, std::string_view name);

  // For passes that rebuild a function: keeps the names of `other` free, so that add_value and rename give none of them
  // out; claim_name then gives one to the value that takes the place of its holder (once, or again for the same value).
  void reserve_names(const Func& other);
  void claim_name(ValueId value, std::string_view reserved) { values[value.index].name = reserved; }

 private:
  friend void renumber_values(Func& func);

  std::string unique_name(std::string_view name);

  std::unordered_map<std::string, uint32_t> next_suffix_;  // of each name given out
};

// A fact about the program that is no computation: where data comes from, how to train, where a buffer lies.
// Kinds and their keys: docs/ir.md.
struct Record {
  std::string kind;  // "data", "input", "train", "tensor", ...
  std::string name;
  Attrs attrs;
};

struct Module {
  std::string name;
  std::vector<Record> records;
  std::deque<Func> funcs;  // a deque: references stay valid while functions are added

  Func* find(std::string_view name);
  const Func* find(std::string_view name) const;
  const Record* find_record(std::string_view kind,
                            std::string_view name = "") const;  // first of that kind if name is ""
};

// How many rows a step takes: the size that the model calls B, which record `model` carries.  nullopt where the module,
// written by hand, does not say.
std::optional<int64_t> batch_of(const Module& module);

// For each value, the index in func.ops of the op that defines it; -1 for arguments.
std::vector<int> defining_ops(const Func& func);
// Removes values that no argument or op defines any more, after ops were taken out; ids of others change.
void drop_undefined_values(Func& func);
// Orders values as they are defined and forgets which names were given out and dropped, so that the function is what its
// printed text is read as; ids of values change.
void renumber_values(Func& func);
// For each value, how many operands and results read it.
std::vector<int> use_counts(const Func& func);

}  // namespace tarn
