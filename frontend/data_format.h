// The formats that a `data` block can read: the keys of each, and the sources that its fields can name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/term.h"

namespace tarn {

// A key such as `valid = 0.2`: what it takes, for messages, and its value as an attribute of the record `data`.
struct DataKey {
  std::string_view name;
  std::string_view expected;
  std::optional<AttrValue> (*read)(const Term& value);  // nullopt: of another kind
  bool is_required = false;
};

// A name that stands for bytes of the file, so many for each row; 0: as many as the field's type says.
struct ByteSource {
  std::string_view name;
  int64_t row_bytes = 0;
};

struct DataFormat {
  std::string_view name;
  std::string_view pattern_key;        // the key of the first, nameless argument; "" where there is none
  std::vector<std::string_view> keys;  // besides it
  std::vector<ByteSource> byte_sources;
};

const std::vector<DataFormat>& data_formats();
const DataFormat* find_data_format(std::string_view name);
const DataKey& data_key(std::string_view name);

// Whether any format has a byte source of this name.
bool is_byte_source(std::string_view name);

}  // namespace tarn
