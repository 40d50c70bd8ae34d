// The default, and what may stand in its place.
#include "ir/accumulation.h"

#include <fmt/format.h>

namespace tarn {

DType default_accumulation(DType element) {
  return computed_dtype(element);
}

DType accumulation(const Attrs& attrs, DType element) {
  auto found = attrs.find("accumulate");
  return found == attrs.end() ? default_accumulation(element) : *dtype_from_name(std::get<std::string>(found->second));
}

// True where `wide` holds every number of `narrow`, and more.
static bool is_wider(DType wide, DType narrow) {
  bool same_kind = (is_float(wide) && is_float(narrow)) || (is_integer(wide) && is_integer(narrow));
  return same_kind && dtype_bytes(wide) > dtype_bytes(narrow);
}

Attrs joined_accumulation(Attrs attrs, const Attrs& other) {
  auto theirs = other.find("accumulate");
  if (theirs == other.end()) return attrs;
  auto [ours, is_new] = attrs.insert(*theirs);
  auto bytes = [](const AttrValue& name) { return dtype_bytes(*dtype_from_name(std::get<std::string>(name))); };
  if (bytes(ours->second) < bytes(theirs->second)) ours->second = theirs->second;
  return attrs;
}

std::optional<Error> accumulation_error(const Attrs& attrs, DType element, std::string rule) {
  auto found = attrs.find("accumulate");
  if (found == attrs.end()) return std::nullopt;
  const std::string& name = std::get<std::string>(found->second);
  std::optional<DType> dtype = dtype_from_name(name);
  DType narrow = default_accumulation(element);
  if (dtype && is_wider(*dtype, narrow)) return std::nullopt;
  return Error{
      fmt::format("accumulate is \"{}\", which is no dtype wider than {}, in which {} is accumulated without it", name,
                  dtype_name(narrow), dtype_name(element)),
      std::move(rule)};
}

}  // namespace tarn
