// A committed, trusted safetensors file of f32 and f64 tensors to vectors of f64.
#include "tests/oracle/oracle_file.h"

#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/oracle/runner.h"

namespace tarn::oracle {

template <typename T>
static std::vector<double> widen(const char* data, size_t bytes) {
  std::vector<T> values(bytes / sizeof(T));
  std::memcpy(values.data(), data, bytes);
  return {values.begin(), values.end()};
}

OracleFile read_oracle(const std::string& path) {
  const std::string raw = read_text(path);
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, raw.data(), sizeof header_bytes);
  const nlohmann::json header = nlohmann::json::parse(raw.substr(8, header_bytes));
  OracleFile file;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      file.metadata = entry.get<std::map<std::string, std::string>>();
      continue;
    }
    const size_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
    const char* data = raw.data() + 8 + header_bytes + begin;
    file.tensors[name] = entry["dtype"] == "F32" ? widen<float>(data, end - begin) : widen<double>(data, end - begin);
  }
  return file;
}

}  // namespace tarn::oracle
