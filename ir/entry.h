// The entry points of a module, named in this one place: what the front end makes, passes and the driver ask for, and
// targets list in their tables.  A new one is an enumerator and a row of entry.cpp; every switch over EntryPoint then
// says where it has to be handled.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "ir/graph.h"

namespace tarn {

// What a function of kind Entry is for.  Functions of other names may be of that kind too (in texts written by hand):
// passes compile them like these, and no program has a way to call them.
enum class EntryPoint : uint8_t {
  Init,       // makes what is persistent from a seed
  TrainStep,  // one batch: loss, metrics, and what is persistent anew
  EvalStep,   // one batch: loss and metrics
  Predict,    // one batch: outputs
};

// All of them, in order of the enumerators.
std::span<const EntryPoint> all_entry_points();
// The name of its function: "train_step".
std::string_view entry_name(EntryPoint entry);
// nullopt for the name of another function.
std::optional<EntryPoint> entry_from_name(std::string_view name);

// nullptr where the module has no such entry point.
const Func* find_entry(const Module& module, EntryPoint entry);

// True where the function computes a loss and overwrites something persistent: it must know that the loss is finite
// before it does so.
bool guards_persistent(const Func& func);

}  // namespace tarn
