// CSV text -> rows of cells, streamed: quotes and doubled quotes as in RFC 4180, `\n` or `\r\n`, blank lines skipped.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../file.h"

namespace tarn::runtime {

class CsvRows {
 public:
  // `separator` 0: the one of tab, `;` and `,` that the first line has most of.
  static Result<CsvRows> open(const std::string& path, char separator);

  // Reads the next row; false at the end of the file.
  Result<bool> next();
  size_t cell_count() const { return ends_.size(); }
  // Without the spaces around it; lives until the next row.
  std::string_view cell(size_t column) const;
  // Whether it stands in quotes.
  bool is_quoted(size_t column) const { return quoted_[column]; }
  int64_t line() const { return row_line_; }  // where the row began, from 1
  char separator() const { return separator_; }

 private:
  explicit CsvRows(ByteSource source) : source_(std::move(source)) {}
  Status fill();
  Error wrong(const std::string& what) const;
  Result<bool> take(char c);
  void end_cell() {
    ends_.push_back(text_.size());
    quoted_.push_back(std::exchange(cell_is_quoted_, false));
  }
  Status find_separator();

  ByteSource source_;
  std::vector<char> block_;
  size_t at_ = 0, size_ = 0;
  char separator_ = ',';
  int64_t line_ = 1, row_line_ = 1;
  std::string text_;          // the row's cells, one after the other
  std::vector<size_t> ends_;  // of each cell in text_
  std::vector<bool> quoted_;  // as ends_
  bool cell_is_quoted_ = false, after_return_ = false;
  enum class State { CellStart, Plain, Quoted, QuoteInQuotes } state_ = State::CellStart;
};

}  // namespace tarn::runtime
