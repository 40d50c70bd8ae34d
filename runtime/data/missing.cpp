// Cells that a file leaves empty -> the mean or median of their column.
#include "missing.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "../text.h"

namespace tarn::runtime {

// The known values of one column in the training rows; `holes`: elements of the block that hold none.
static std::vector<float> known_values(const Split& train, uint32_t input, uint64_t column,
                                       const std::set<uint64_t>& holes) {
  const Table::Column& cells = train.table->columns[input];
  std::vector<float> known;
  for (uint32_t row : train.rows)
    if (holes.count(row * (cells.row_bytes / sizeof(float)) + column) == 0)
      known.push_back(reinterpret_cast<const float*>(cells.row(row))[column]);
  return known;
}

static float middle(std::vector<float> values) {
  size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + static_cast<long>(half), values.end());
  float upper = values[half];
  if (values.size() % 2 == 1) return upper;
  float lower = *std::max_element(values.begin(), values.begin() + static_cast<long>(half));
  return static_cast<float>((static_cast<double>(lower) + static_cast<double>(upper)) / 2);
}

static float mean(const std::vector<float>& values) {
  double sum = 0;
  for (float value : values) sum += static_cast<double>(value);
  return static_cast<float>(sum / static_cast<double>(values.size()));
}

Status Filler::fill(Table& table, const std::vector<Hole>& holes, const Split& train, const MissingConfig& config,
                    std::vector<std::string>& notes) {
  struct Column {
    const Hole* first;
    std::set<uint64_t> elements;
  };
  std::map<Place, Column> columns;
  for (const Hole& hole : holes) {
    uint64_t width = table.columns[hole.input].row_bytes / sizeof(float);
    if (table.columns[hole.input].tensor->dtype != TARN_F32)
      return Error{hole.name + ": only f32 fields can be filled with a mean or median"};
    Column& column = columns.try_emplace({hole.input, hole.element % width}, Column{&hole, {}}).first->second;
    column.elements.insert(hole.element);
  }
  bool is_median = config.how == MissingConfig::How::Median;
  for (auto& [place, column] : columns) {
    auto value = values_.find(place);
    if (value == values_.end()) {
      // Holes of a column that the training rows had would be known by now.
      static const std::set<uint64_t> kNone;
      const std::set<uint64_t>& holes_there = train.table == &table ? column.elements : kNone;
      std::vector<float> known = known_values(train, place.first, place.second, holes_there);
      if (known.empty()) return Error{column.first->name + ": has no value in the training rows to fill others with"};
      value = values_.emplace(place, is_median ? middle(std::move(known)) : mean(known)).first;
    }
    for (uint64_t element : column.elements)
      memcpy(table.blocks[place.first].data() + element * sizeof(float), &value->second, sizeof(float));
    notes.push_back(format("%s: %zu missing cells filled with the %s of the training rows, %g",
                           column.first->name.c_str(), column.elements.size(), is_median ? "median" : "mean",
                           static_cast<double>(value->second)));
  }
  return Done{};
}

}  // namespace tarn::runtime
