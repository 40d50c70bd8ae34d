// A CSV file -> one block of row data per input: numbers, or class codes.
#pragma once

#include <string>
#include <vector>

#include "../config.h"
#include "../file.h"
#include "../tarn_abi.h"
#include "missing.h"

namespace tarn::runtime {

// How the cells of a class column become codes.  Decided by the first file (the training rows); later files follow.
//   whole numbers, all in 0..classes-1     themselves
//   whole numbers, exactly `classes` kinds numbered by value
//   text                                   numbered in lexicographic order
struct Categories {
  bool decided = false;
  bool are_codes = false;          // whole numbers that stand for themselves
  int64_t seen = 0;                // how many different classes
  std::vector<std::string> names;  // else: code -> text
};

struct CsvData {
  int64_t rows = 0;
  std::vector<Bytes> inputs;  // as config.inputs; each [rows, ...] in its tensor's dtype
  int64_t dropped = 0;        // rows left out for a missing cell
  std::vector<Hole> holes;    // cells to be filled: they hold 0
};

// `tensors[i]` is fed by config.inputs[i]; `categories` has one entry for each.  Missing cells (empty, ?, NA, nan,
// null) are an error that counts them by column, unless config.missing says what to do.
Result<CsvData> read_csv(const std::string& path, const DataConfig& config,
                         const std::vector<const tarn_tensor*>& tensors, int64_t batch,
                         std::vector<Categories>& categories);

}  // namespace tarn::runtime
