// CIFAR-10 binary files -> a table whose columns lie in the files' records.
// Record: 1 byte label, then 3 planes (red, green, blue) of 32 x 32 bytes.
// Source: https://www.cs.toronto.edu/~kriz/cifar.html, "binary version".
#pragma once

#include <string>
#include <vector>

#include "table.h"

namespace tarn::runtime {

struct CifarInput {
  const tarn_tensor* tensor;  // u8
  bool is_label;
  int64_t classes;  // 0: any byte will do
};

// The records of all files, in their order, as one block.
Status read_cifar(const std::vector<std::string>& paths, const std::vector<CifarInput>& inputs, int64_t batch,
                  Table& table);

}  // namespace tarn::runtime
