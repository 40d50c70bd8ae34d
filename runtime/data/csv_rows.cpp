// CSV text -> rows of cells, streamed.
#include "csv_rows.h"

#include <algorithm>
#include <cstring>

#include "../text.h"

namespace tarn::runtime {

static constexpr size_t kBlock = 1 << 16;
static constexpr size_t kLongestRow = 16u << 20;  // a quote that is never closed must not swallow the file

Error CsvRows::wrong(const std::string& what) const {
  return Error{format("%s:%lld: %s", source_.path().c_str(), static_cast<long long>(line_), what.c_str())};
}

Status CsvRows::fill() {
  Result<size_t> got = source_.read(block_.data(), block_.size());
  if (!got) return got.error();
  at_ = 0;
  size_ = *got;
  return Done{};
}

// Counts the candidates outside quotes in the first line that is not blank.
Status CsvRows::find_separator() {
  size_t begin = at_;
  while (begin < size_ && (block_[begin] == '\n' || block_[begin] == '\r')) ++begin;
  const char kCandidates[] = {',', ';', '\t'};
  int counts[3] = {};
  bool quoted = false;
  for (size_t i = begin; i < size_ && (quoted || (block_[i] != '\n' && block_[i] != '\r')); ++i) {
    if (block_[i] == '"') quoted = !quoted;
    for (int k = 0; k < 3; ++k) counts[k] += !quoted && block_[i] == kCandidates[k];
  }
  separator_ = kCandidates[std::max_element(counts, counts + 3) - counts];
  return Done{};
}

Result<CsvRows> CsvRows::open(const std::string& path, char separator) {
  Result<ByteSource> source = ByteSource::open(path);
  if (!source) return source.error();
  CsvRows rows(std::move(*source));
  rows.block_.resize(kBlock);
  if (Status status = rows.fill(); !status) return status.error();
  if (rows.size_ >= 3 && memcmp(rows.block_.data(), "\xEF\xBB\xBF", 3) == 0) rows.at_ = 3;  // byte-order mark
  rows.separator_ = separator;
  if (separator == 0 && !rows.find_separator()) return Error{path + ": cannot be read"};
  return rows;
}

static std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view CsvRows::cell(size_t column) const {
  size_t begin = column == 0 ? 0 : ends_[column - 1];
  return trim(std::string_view(text_).substr(begin, ends_[column] - begin));
}

// One character; true where it ended a row that is not blank.  A line ends with LF, CR LF, or (old Mac files) CR.
Result<bool> CsvRows::take(char c) {
  if (c == 0) return wrong("holds a NUL byte: not a text file");
  if (state_ == State::Quoted) {
    if (c == '\n') ++line_;
    if (c == '"')
      state_ = State::QuoteInQuotes;
    else
      text_ += c;
    return false;
  }
  bool is_second_half = std::exchange(after_return_, c == '\r') && c == '\n';
  if (is_second_half) return false;
  if (c == '\r') c = '\n';
  if (state_ == State::QuoteInQuotes && c == '"') {
    text_ += '"';
    state_ = State::Quoted;
    return false;
  }
  if (c == separator_) {
    end_cell();
    state_ = State::CellStart;
  } else if (c == '\n') {
    ++line_;
    state_ = State::CellStart;
    if (ends_.empty() && trim(text_).empty()) {
      text_.clear();
      row_line_ = line_;
      return false;
    }
    end_cell();
    return true;
  } else if (c == '"' && state_ == State::CellStart) {
    state_ = State::Quoted;
    cell_is_quoted_ = true;
  } else {
    if (state_ == State::QuoteInQuotes && c != ' ') return wrong("text after a closing quote");
    text_ += c;
    // Spaces may stand before an opening quote.
    if (state_ != State::QuoteInQuotes && c != ' ') state_ = State::Plain;
  }
  return false;
}

Result<bool> CsvRows::next() {
  text_.clear();
  ends_.clear();
  quoted_.clear();
  row_line_ = line_;
  for (;;) {
    while (at_ < size_) {
      Result<bool> ended = take(block_[at_++]);
      if (!ended || *ended) return ended;
      if (text_.size() > kLongestRow || ends_.size() > kLongestRow)
        return wrong("a row longer than 16 MiB (is a quote left open?)");
    }
    if (Status status = fill(); !status) return status.error();
    if (size_ != 0) continue;
    if (state_ == State::Quoted) return wrong("the file ends inside a quoted cell");
    if (ends_.empty() && trim(text_).empty()) return false;
    end_cell();  // the last line has no newline
    state_ = State::CellStart;
    return true;
  }
}

}  // namespace tarn::runtime
