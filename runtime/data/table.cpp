// Rows in memory -> the model's inputs, in the order of an epoch.
#include "table.h"

#include <cstring>

#include "../hash.h"
#include "../random.h"

namespace tarn::runtime {

void Table::add_dense(const tarn_tensor& tensor, uint64_t row_bytes, Bytes block) {
  blocks.push_back(std::move(block));
  columns.push_back({&tensor, row_bytes, row_bytes, blocks.back().data()});
}

uint64_t fingerprint(const Split& split) {
  tarn_hash hash;
  tarn_hash_start(&hash);
  for (const Bytes& block : split.table->blocks) tarn_hash_add(&hash, block.data(), block.size());
  tarn_hash_add(&hash, split.rows.data(), split.rows.size() * sizeof(uint32_t));
  return tarn_hash_end(&hash);
}

void order_epoch(const Split& split, bool shuffle, uint64_t seed, uint32_t epoch, std::vector<uint32_t>& order) {
  if (!shuffle) {
    std::copy(split.rows.begin(), split.rows.end(), order.begin());
  } else if (split.draw_from > 0) {
    __extension__ using Wide = unsigned __int128;
    for (uint32_t i = 0; i < order.size(); ++i) {
      uint64_t bits = random_bits(seed, Stream::Shuffle, epoch, i);
      order[i] = split.rows.front() + static_cast<uint32_t>((Wide{bits} * split.draw_from) >> 64);
    }
  } else {
    permute(order, seed, Stream::Shuffle, epoch);
    for (uint32_t& row : order) row = split.rows[row];
  }
}

void fill_batch(Model& model, const Table& table, const uint32_t* rows, int64_t first, int64_t count) {
  for (const Table::Column& column : table.columns) {
    unsigned char* to = model.begin_rows(*column.tensor);
    for (int64_t i = 0; i < count; ++i)
      memcpy(to + static_cast<uint64_t>(i) * column.row_bytes, column.row(rows[first + i]), column.row_bytes);
    model.end_rows(*column.tensor, to, count);
  }
}

void prefetch_batch(const Table& table, const uint32_t* rows, int64_t first, int64_t count) {
  constexpr uint64_t kMostBytes = 128 << 10;  // a part of a small L2, so that the step keeps its own data
  constexpr uint64_t kLine = 64;
  for (const Table::Column& column : table.columns) {
    if (column.row_bytes * static_cast<uint64_t>(count) > kMostBytes) continue;
    for (int64_t i = first; i < first + count; ++i) {
      const unsigned char* row = column.row(rows[i]);
      for (uint64_t at = 0; at < column.row_bytes; at += kLine) __builtin_prefetch(row + at, 0, 2);
    }
  }
}

}  // namespace tarn::runtime
