// Cells that a file leaves empty -> the mean or median of their column.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "../config.h"
#include "table.h"

namespace tarn::runtime {

struct Hole {
  uint32_t input;    // index of the table's column
  uint64_t element;  // in its block, [rows, columns]
  std::string name;  // "column `total_bedrooms`"
};

// Learns from the training rows alone, so that nothing of the other splits leaks into training.  Fills their table
// first; tables after it get the same values.  Column i of a table must lie densely in its block i.
class Filler {
 public:
  Status fill(Table& table, const std::vector<Hole>& holes, const Split& train, const MissingConfig& config,
              std::vector<std::string>& notes);

 private:
  using Place = std::pair<uint32_t, uint64_t>;  // input, element within a row
  std::map<Place, float> values_;
};

}  // namespace tarn::runtime
