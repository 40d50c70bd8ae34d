// The config's data and a directory -> tables in memory and the rows of each split.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../config.h"
#include "../model.h"
#include "table.h"

namespace tarn::runtime {

// What the numbers of an input's classes stand for, as the training data have it.
struct ClassNames {
  const tarn_tensor* tensor;
  std::vector<std::string> names;
};

struct DataSets {
  std::vector<std::unique_ptr<Table>> tables;
  Split train, valid, test;
  std::vector<std::string> notes;       // for the user: how classes were numbered
  std::vector<ClassNames> class_names;  // of the inputs whose files have names
};

enum class Want { All, TestOnly };

// Every file that load_data may read: what no output may replace.
std::vector<std::string> data_files(const DataConfig& config, const std::string& directory);

// Loads what the config names from `directory` (or, for csv, a file).  A fraction split takes floor(f * n) rows of the
// training table, drawn by a permutation with a fixed key, so that a sorted file splits evenly and every run and every
// seed sees the same split; of a text, it takes the end.  TestOnly may leave out the training data where the test data
// stand alone.
Result<DataSets> load_data(const DataConfig& config, const Model& model, const std::string& directory, Want want);

}  // namespace tarn::runtime
