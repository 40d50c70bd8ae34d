// Nested lists of numbers in a record -> all of them, row-major.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace tarn::oracle {

inline std::vector<double> flat(const nlohmann::json& value) {
  if (value.is_number()) return {value.get<double>()};
  std::vector<double> values;
  for (const nlohmann::json& part : value) {
    for (double number : flat(part)) values.push_back(number);
  }
  return values;
}

}  // namespace tarn::oracle
