// Rows in memory, the splits of them, and the way of a batch's rows into the model's inputs.
#pragma once

#include <cstdint>
#include <vector>

#include "../file.h"
#include "../model.h"

namespace tarn::runtime {

// One source of rows.  A column is, for one input of the model, where its rows lie in the table's blocks: row r at
// `first + r * stride`, `row_bytes` long, in the tensor's dtype.  Rows may lie among others (the records of a CIFAR
// file) and may overlap (windows of a text).
struct Table {
  struct Column {
    const tarn_tensor* tensor;
    uint64_t row_bytes;
    uint64_t stride;
    const unsigned char* first;  // into `blocks`
    const unsigned char* row(uint32_t index) const { return first + index * stride; }
  };
  int64_t rows = 0;
  std::vector<Column> columns;
  std::vector<Bytes> blocks;

  // A column over a block of its own, rows one after the other.
  void add_dense(const tarn_tensor& tensor, uint64_t row_bytes, Bytes block);
};

// Rows of a table, in ascending order.
struct Split {
  const Table* table = nullptr;
  std::vector<uint32_t> rows;
  // Not 0: where the order is random, each row is drawn from rows.front() + 0 .. draw_from-1, instead of the rows being
  // permuted: windows of a text begin anywhere.
  uint32_t draw_from = 0;
  int64_t size() const { return static_cast<int64_t>(rows.size()); }
};

// A hash of the rows of the split: a resumed run must see the data that it started with.
uint64_t fingerprint(const Split& split);

// The order in which an epoch takes a split's rows: as they are, or by draws that (seed, epoch) decide.  `order` has
// the split's size; no allocation.
void order_epoch(const Split& split, bool shuffle, uint64_t seed, uint32_t epoch, std::vector<uint32_t>& order);

// Copies rows rows[first + i], i < count, into the model's inputs; copies of them fill the rest of the batch.  No
// allocation.
void fill_batch(Model& model, const Table& table, const uint32_t* rows, int64_t first, int64_t count);

// Asks the caches for the rows of a batch that will be filled later: while a step computes, its memory is idle.
void prefetch_batch(const Table& table, const uint32_t* rows, int64_t first, int64_t count);

}  // namespace tarn::runtime
