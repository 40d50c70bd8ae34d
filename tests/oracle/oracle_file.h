// Reads the numbers that make_oracle.py wrote; a reader of its own, so that the runtime's is not its own judge.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace tarn::oracle {

struct OracleFile {
  std::map<std::string, std::vector<double>> tensors;
  std::map<std::string, std::string> metadata;
};

OracleFile read_oracle(const std::string& path);

}  // namespace tarn::oracle
