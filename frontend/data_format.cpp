// The table of data formats and their keys.
#include "frontend/data_format.h"

#include <algorithm>
#include <cmath>

#include "ir/base/check.h"

namespace tarn {

static std::optional<AttrValue> read_text(const Term& value) {
  return value.kind == TermKind::Text ? std::optional(AttrValue{value.text}) : std::nullopt;
}

static std::optional<AttrValue> read_split(const Term& value) {
  bool is_fraction = value.is_number() && value.number() > 0 && value.number() < 1;
  return is_fraction ? std::optional(AttrValue{value.number()}) : read_text(value);
}

static std::optional<AttrValue> read_whole(const Term& value, double least) {
  constexpr double kMost = 1e15;  // exact in f64
  bool is_whole = value.is_number() && value.number() >= least && value.number() <= kMost &&
                  value.number() == std::floor(value.number());
  return is_whole ? std::optional(AttrValue{static_cast<int64_t>(value.number())}) : std::nullopt;
}

static std::optional<AttrValue> read_seed(const Term& value) {
  return read_whole(value, 0);
}

static std::optional<AttrValue> read_window(const Term& value) {
  return read_whole(value, 1);
}

static std::optional<AttrValue> read_header(const Term& value) {
  if (value.kind == TermKind::Bool) return AttrValue{value.integer != 0};
  if (value.kind == TermKind::Text && value.text == "auto") return AttrValue{value.text};
  return std::nullopt;
}

// What stands in for a missing cell.
static std::optional<AttrValue> read_missing(const Term& value) {
  if (value.is_number()) return AttrValue{value.number()};
  bool is_known =
      value.kind == TermKind::Text && (value.text == "mean" || value.text == "median" || value.text == "drop");
  return is_known ? std::optional(AttrValue{value.text}) : std::nullopt;
}

const DataKey& data_key(std::string_view name) {
  static const std::vector<DataKey> keys = {
      {"train", "a text", read_text, true},
      {"test", "a fraction between 0 and 1 or a file pattern", read_split},
      {"valid", "a fraction between 0 and 1 or a file pattern", read_split},
      {"split_seed", "a whole number, 0 or more", read_seed},
      {"header", "true, false or \"auto\"", read_header},
      {"separator", "a text", read_text},
      {"missing", "\"mean\", \"median\", \"drop\" or a number", read_missing},
      {"window", "a whole number, 1 or more", read_window, true},
  };
  auto found = std::find_if(keys.begin(), keys.end(), [&](const DataKey& key) { return key.name == name; });
  TARN_CHECK(found != keys.end(), "a data format names a key that the table of keys lacks");
  return *found;
}

const std::vector<DataFormat>& data_formats() {
  static const std::vector<DataFormat> formats = {
      {"idx", "train", {"test", "valid", "split_seed"}, {{"images"}, {"labels", 1}}},
      {"cifar", "train", {"test", "valid", "split_seed"}, {{"images", int64_t{3} * 32 * 32}, {"labels", 1}}},
      {"csv", "train", {"test", "valid", "split_seed", "header", "separator", "missing"}, {}},
      {"npy", "", {"valid", "test", "split_seed"}, {}},
      {"text", "train", {"test", "valid", "window"}, {{"tokens"}, {"next"}}},
  };
  return formats;
}

const DataFormat* find_data_format(std::string_view name) {
  for (const DataFormat& format : data_formats()) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

bool is_byte_source(std::string_view name) {
  for (const DataFormat& format : data_formats()) {
    for (const ByteSource& source : format.byte_sources) {
      if (source.name == name) return true;
    }
  }
  return false;
}

}  // namespace tarn
