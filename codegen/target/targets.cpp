// The list of targets, which CMake makes from the list of folders.
#include "codegen/target/target.h"

namespace tarn {

#define TARGET(name) extern const Target target_##name;
#include "target_list.inc"
#undef TARGET

static constexpr const Target* kTargets[] = {
#define TARGET(name) &target_##name,
#include "target_list.inc"
#undef TARGET
};

std::span<const Target* const> targets() {
  return kTargets;
}

const Target* find_target(std::string_view name) {
  for (const Target* target : kTargets) {
    if (target->name == name) return target;
  }
  return nullptr;
}

const Emission* Target::find_emission(std::string_view kind) const {
  for (const Emission& emission : emissions) {
    if (emission.kind == kind) return &emission;
  }
  return nullptr;
}

std::vector<std::string> Target::kinds() const {
  std::vector<std::string> kinds;
  for (const Emission& emission : emissions) kinds.emplace_back(emission.kind);
  if (find_emission(kObjectKind)) kinds.insert(kinds.end(), {"exe", "lib"});
  return kinds;
}

}  // namespace tarn
