// The config's data and a directory -> tables in memory and the rows of each split; rows -> the arena's inputs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../config.h"
#include "../file.h"
#include "../model.h"

namespace tarn::runtime {

// One source of rows: for each input of the model its data, [rows, ...] in the tensor's dtype.
struct Table {
  struct Column {
    const tarn_tensor* tensor;
    uint64_t row_bytes;
    Bytes bytes;
  };
  int64_t rows = 0;
  std::vector<Column> columns;
};

// Rows of a table, in ascending order.
struct Split {
  const Table* table = nullptr;
  std::vector<uint32_t> rows;
  int64_t size() const { return static_cast<int64_t>(rows.size()); }
};

struct DataSets {
  std::vector<std::unique_ptr<Table>> tables;
  Split train, valid, test;
  std::vector<std::string> notes;  // for the user: how classes were numbered
};

enum class Want { kAll, kTestOnly };

// Loads what the config names from `directory` (or, for csv, a file).  A fraction split takes floor(f * n) rows of the
// training table, drawn by a permutation with a fixed key, so that a sorted file splits evenly and every run and every
// seed sees the same split.  kTestOnly may leave out the training data where the test data stand alone.
Result<DataSets> load_data(const DataConfig& config, const Model& model, const std::string& directory, Want want);

// A hash of the rows of the split: a resumed run must see the data that it started with.
uint64_t fingerprint(const Split& split);

// Copies rows split.rows[order[first + i]], i < count, into the model's inputs (order null: in order), fills the rest
// of the batch with copies and sets COUNT.  No allocation.
void fill_batch(Model& model, const Split& split, const uint32_t* order, int64_t first, int64_t count);

// Asks the caches for the rows of a batch that will be filled later: while a step computes, its memory is idle.
void prefetch_batch(const Split& split, const uint32_t* order, int64_t first, int64_t count);

}  // namespace tarn::runtime
