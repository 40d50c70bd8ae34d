// The table of entry points.
#include "ir/entry.h"

#include <algorithm>
#include <array>

namespace tarn {

std::span<const EntryPoint> all_entry_points() {
  static constexpr std::array kAll = {EntryPoint::Init, EntryPoint::TrainStep, EntryPoint::EvalStep,
                                      EntryPoint::Predict};
  return kAll;
}

std::string_view entry_name(EntryPoint entry) {
  switch (entry) {
    case EntryPoint::Init:
      return "init";
    case EntryPoint::TrainStep:
      return "train_step";
    case EntryPoint::EvalStep:
      return "eval_step";
    case EntryPoint::Predict:
      return "predict";
  }
  return "";
}

std::optional<EntryPoint> entry_from_name(std::string_view name) {
  for (EntryPoint entry : all_entry_points()) {
    if (entry_name(entry) == name) return entry;
  }
  return std::nullopt;
}

const Func* find_entry(const Module& module, EntryPoint entry) {
  return module.find(entry_name(entry));
}

bool guards_persistent(const Func& func) {
  auto has = [&](auto&& matches) {
    return std::any_of(func.results.begin(), func.results.end(), [&](const FuncResult& r) { return matches(r.role); });
  };
  return has([](Role role) { return role == Role::Loss; }) && has(is_persistent);
}

}  // namespace tarn
