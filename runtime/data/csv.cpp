// A CSV file -> one block of row data per input: numbers, or class codes.
#include "csv.h"

#include <strings.h>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "../model.h"
#include "../text.h"
#include "csv_rows.h"
#include "elements.h"

namespace tarn::runtime {

// A distinct cell of a class column.
struct Category {
  uint32_t index;  // in order of appearance
  int64_t line;    // where it first stands
};

struct InputReader {
  const InputConfig* config;
  const tarn_tensor* tensor;
  std::vector<size_t> columns;
  Bytes values;  // f32 where the tensor is f32, u32 category indices where it has classes, else f64
  std::map<std::string, Category, std::less<>> seen;
};

struct Cell {
  std::string_view text;
  bool is_quoted;
};

struct Missing {
  int64_t count = 0;
  int64_t first_line = 0;
};

class CsvReader {
 public:
  CsvReader(const std::string& path, const DataConfig& config, int64_t batch)
      : path_(path), config_(config), batch_(batch), value_text_(format("%.17g", config.missing.value)) {}
  Result<CsvData> read(const std::vector<const tarn_tensor*>& tensors, std::vector<Categories>& categories);

 private:
  using Cells = std::vector<std::string>;
  Error wrong(int64_t line, const std::string& what) const;
  std::string column_name(size_t column) const;
  bool is_header(const Cells& first, const Cells* second) const;
  Status find_columns(InputReader& input, const Cells& header, size_t width);
  Status start(CsvRows& rows, const std::vector<const tarn_tensor*>& tensors);
  Status take_row(const std::vector<Cell>& cells, int64_t line);
  Status take_number(InputReader& input, std::string_view cell, size_t column, int64_t line);
  Status take_category(InputReader& input, std::string_view cell, int64_t line);
  bool has_hole(const std::vector<Cell>& cells) const;
  Status take_missing(InputReader& input, size_t column, int64_t line);
  Status report_missing() const;
  Status decide(InputReader& input, Categories& categories) const;
  Result<Bytes> finish(InputReader& input, Categories& categories) const;

  const std::string& path_;
  const DataConfig& config_;
  int64_t batch_;
  std::vector<InputReader> inputs_;
  Cells header_;
  size_t width_ = 0;
  int64_t first_line_ = 0;
  std::map<size_t, Missing> missing_;
  int64_t rows_ = 0, dropped_ = 0;
  std::vector<Hole> holes_;
  std::string value_text_;  // of missing = NUMBER
};

static bool is_missing(std::string_view cell) {
  if (cell.empty() || cell == "?") return true;
  if (cell.size() > 4) return false;
  std::string text(cell);
  for (const char* word : {"na", "nan", "n/a", "null", "none"})
    if (strcasecmp(text.c_str(), word) == 0) return true;
  return false;
}

// A class may be called NA where the file says so in quotes.
static bool is_missing(const InputReader& input, const Cell& cell) {
  bool is_name = input.config->classes > 0 && cell.is_quoted && !cell.text.empty();
  return !is_name && is_missing(cell.text);
}

static bool is_number(std::string_view cell) {
  double value = 0;
  return parse_double(cell, &value);
}

static bool whole(std::string_view cell, int64_t* value) {
  double real = 0;
  if (!parse_double(cell, &real) || real != std::floor(real) || std::fabs(real) > 1e15) return false;
  *value = static_cast<int64_t>(real);
  return true;
}

Error CsvReader::wrong(int64_t line, const std::string& what) const {
  return Error{format("%s:%lld: %s", path_.c_str(), static_cast<long long>(line), what.c_str())};
}

std::string CsvReader::column_name(size_t column) const {
  if (column < header_.size()) return "column `" + header_[column] + "`";
  return "column " + std::to_string(column);
}

// The first row names columns where it holds no number but the second does, or where it holds all names asked for.
bool CsvReader::is_header(const Cells& first, const Cells* second) const {
  if (config_.header != DataConfig::Header::Auto) return config_.header == DataConfig::Header::Yes;
  bool names_asked = false, names_found = true;
  for (const InputConfig& input : config_.inputs) {
    for (const std::string& name : input.names) {
      names_asked = true;
      names_found = names_found && std::find(first.begin(), first.end(), name) != first.end();
    }
  }
  if (names_asked && names_found) return true;
  auto numeric = [](const std::string& cell) { return is_number(cell) || is_missing(cell); };
  if (std::any_of(first.begin(), first.end(), numeric)) return false;
  return second == nullptr || std::any_of(second->begin(), second->end(), numeric);
}

Status CsvReader::find_columns(InputReader& input, const Cells& header, size_t width) {
  const InputConfig& config = *input.config;
  for (const std::string& name : config.names) {
    auto found = std::find(header.begin(), header.end(), name);
    if (found == header.end())
      return Error{path_ + ": no column is named `" + name + "`" +
                   (header.empty() ? " (the file has no header)" : did_you_mean(name, header))};
    input.columns.push_back(static_cast<size_t>(found - header.begin()));
  }
  for (int64_t column = config.first; config.names.empty() && column < config.last; ++column)
    input.columns.push_back(static_cast<size_t>(column));
  int64_t wanted = element_count(*input.tensor) / batch_;
  if (static_cast<int64_t>(input.columns.size()) != wanted)
    return Error{format("%s: input `%s` takes %lld values a row, but %zu columns are given", path_.c_str(),
                        config.tensor.c_str(), static_cast<long long>(wanted), input.columns.size())};
  for (size_t column : input.columns)
    if (column >= width)
      return wrong(first_line_, format("has %zu columns (0..%zu), but input `%s` takes column %zu", width, width - 1,
                                       config.tensor.c_str(), column));
  return Done{};
}

Status CsvReader::take_number(InputReader& input, std::string_view cell, size_t column, int64_t line) {
  double value = 0;
  if (!parse_double(cell, &value) || !std::isfinite(value))
    return wrong(line, column_name(column) + ": `" + std::string(cell.substr(0, 40)) +
                           "` is not a number (text can only be a class)");
  bool stored = false;
  if (input.tensor->dtype == TARN_F32) {
    auto narrow = static_cast<float>(value);
    if (std::isinf(narrow))
      return wrong(line, column_name(column) + ": " + std::string(cell.substr(0, 40)) + " does not fit into f32");
    stored = input.values.append(&narrow, sizeof narrow);
  } else {
    stored = input.values.append(&value, sizeof value);
  }
  return stored ? Status(Done{}) : Status(Error{path_ + ": out of memory"});
}

Status CsvReader::take_category(InputReader& input, std::string_view cell, int64_t line) {
  constexpr size_t kMost = 100000;  // a class column with more kinds is a mistake; it must not fill the memory
  auto found = input.seen.find(cell);
  if (found == input.seen.end()) {
    if (input.seen.size() == kMost) return wrong(line, "more than 100000 different classes in one column");
    Category category{static_cast<uint32_t>(input.seen.size()), line};
    found = input.seen.emplace(std::string(cell), category).first;
  }
  bool stored = input.values.append(&found->second.index, sizeof(uint32_t));
  return stored ? Status(Done{}) : Status(Error{path_ + ": out of memory"});
}

bool CsvReader::has_hole(const std::vector<Cell>& cells) const {
  for (const InputReader& input : inputs_)
    for (size_t column : input.columns)
      if (is_missing(input, cells[column])) return true;
  return false;
}

// Stores 0 where the cell can be filled; counts it where not.
Status CsvReader::take_missing(InputReader& input, size_t column, int64_t line) {
  bool is_number = input.config->classes == 0;
  if (config_.missing.how == MissingConfig::How::Error || !is_number) {
    Missing& missing = missing_[column];
    if (missing.count++ == 0) missing.first_line = line;
    return Done{};
  }
  uint64_t width = input.tensor->dtype == TARN_F32 ? sizeof(float) : sizeof(double);
  holes_.push_back({static_cast<uint32_t>(&input - inputs_.data()), input.values.size() / width, column_name(column)});
  return take_number(input, config_.missing.how == MissingConfig::How::Value ? value_text_ : "0", column, line);
}

Status CsvReader::take_row(const std::vector<Cell>& cells, int64_t line) {
  if (cells.size() != width_)
    return wrong(line, format("%zu cells, expected %zu as in line %lld", cells.size(), width_,
                              static_cast<long long>(first_line_)));
  if (config_.missing.how == MissingConfig::How::Drop && has_hole(cells)) {
    ++dropped_;
    return Done{};
  }
  for (InputReader& input : inputs_) {
    for (size_t column : input.columns) {
      if (is_missing(input, cells[column])) {
        if (Status status = take_missing(input, column, line); !status) return status;
        continue;
      }
      Status status = input.config->classes > 0 ? take_category(input, cells[column].text, line)
                                                : take_number(input, cells[column].text, column, line);
      if (!status) return status;
    }
  }
  if (++rows_ > UINT32_MAX) return wrong(line, "more than 2^32 rows");
  return Done{};
}

Status CsvReader::report_missing() const {
  if (missing_.empty()) return Done{};
  std::string message = path_ + ": missing cells (empty, ?, NA): ";
  bool first = true;
  for (const auto& [column, missing] : missing_) {
    message += format("%s%s: %lld (first in line %lld)", first ? "" : "; ", column_name(column).c_str(),
                      static_cast<long long>(missing.count), static_cast<long long>(missing.first_line));
    first = false;
  }
  return Error{message + (config_.missing.how == MissingConfig::How::Error
                              ? "; `missing = \"mean\"` in the data block fills them, `missing = \"drop\"` leaves the "
                                "rows out"
                              : "; a class cannot be filled in: `missing = \"drop\"` leaves the rows out")};
}

// Reads the first two rows, decides about the header, finds the columns, takes the rows that are data.
Status CsvReader::start(CsvRows& rows, const std::vector<const tarn_tensor*>& tensors) {
  Cells cells[2];
  std::vector<bool> quoted[2];
  int64_t lines[2] = {};
  int count = 0;
  for (; count < 2; ++count) {
    Result<bool> more = rows.next();
    if (!more) return more.error();
    if (!*more) break;
    lines[count] = rows.line();
    for (size_t i = 0; i < rows.cell_count(); ++i) {
      cells[count].emplace_back(rows.cell(i));
      quoted[count].push_back(rows.is_quoted(i));
    }
  }
  if (count == 0) return Error{path_ + ": is empty"};
  width_ = cells[0].size();
  first_line_ = lines[0];
  bool header = is_header(cells[0], count == 2 ? &cells[1] : nullptr);
  if (header) header_ = cells[0];
  for (size_t i = 0; i < config_.inputs.size(); ++i) {
    InputReader input{&config_.inputs[i], tensors[i], {}, {}, {}};
    if (Status status = find_columns(input, header_, width_); !status) return status;
    inputs_.push_back(std::move(input));
  }
  for (int i = header ? 1 : 0; i < count; ++i) {
    std::vector<Cell> row;
    for (size_t column = 0; column < cells[i].size(); ++column) row.push_back({cells[i][column], quoted[i][column]});
    if (Status status = take_row(row, lines[i]); !status) return status;
  }
  return Done{};
}

// Fixes how cells become codes, from the distinct cells of this file.
Status CsvReader::decide(InputReader& input, Categories& categories) const {
  int64_t classes = input.config->classes, value = 0;
  bool all_whole = true, all_codes = true;
  std::set<int64_t> codes;
  const std::pair<const std::string, Category>* outside = nullptr;
  for (const auto& entry : input.seen) {
    bool is_whole = whole(entry.first, &value);
    all_whole = all_whole && is_whole;
    bool is_code = is_whole && value >= 0 && value < classes;
    all_codes = all_codes && is_code;
    if (is_code) codes.insert(value);
    if (!is_code && (outside == nullptr || entry.second.line < outside->second.line)) outside = &entry;
    categories.names.push_back(entry.first);
  }
  categories.decided = true;
  categories.are_codes = all_codes;
  categories.seen = static_cast<int64_t>(all_codes ? codes.size() : categories.names.size());
  auto kinds = static_cast<int64_t>(categories.names.size());
  if (all_codes) return Done{};
  if (all_whole)
    std::sort(categories.names.begin(), categories.names.end(), [](const std::string& a, const std::string& b) {
      int64_t left = 0, right = 0;
      whole(a, &left);
      whole(b, &right);
      return left < right;
    });
  if (kinds == classes || (kinds < classes && !all_whole)) return Done{};
  // With up to twice as many whole numbers as classes, the type is likely wrong; with fewer or far more, a label is.
  if (all_whole && (kinds < classes || kinds > 2 * classes))
    return wrong(outside->second.line,
                 format("%s: label %s is not one of the %lld classes 0..%lld", column_name(input.columns[0]).c_str(),
                        outside->first.c_str(), static_cast<long long>(classes), static_cast<long long>(classes - 1)));
  std::string message = format("%s: %s has %lld different classes, more than the %lld of input `%s`:", path_.c_str(),
                               column_name(input.columns[0]).c_str(), static_cast<long long>(kinds),
                               static_cast<long long>(classes), input.config->tensor.c_str());
  for (int64_t i = 0; i < kinds && i < 12; ++i) message += (i ? ", " : " ") + categories.names[i].substr(0, 40);
  if (kinds > 12) message += ", ...";
  message += format("; with `class[%lld]` they are numbered 0..%lld", static_cast<long long>(kinds),
                    static_cast<long long>(kinds - 1));
  if (all_whole)
    message += format("; the first that is no class number is %s in line %lld", outside->first.c_str(),
                      static_cast<long long>(outside->second.line));
  return Error{message};
}

Result<Bytes> CsvReader::finish(InputReader& input, Categories& categories) const {
  uint32_t dtype = input.tensor->dtype;
  if (input.config->classes == 0) {
    if (dtype == TARN_F32) return std::move(input.values);
    return convert_elements(std::move(input.values), FileType::F64, dtype, 0, input.columns.size(), path_);
  }
  if (!categories.decided) {
    if (Status status = decide(input, categories); !status) return status.error();
  }
  std::vector<int32_t> codes(input.seen.size());
  for (const auto& [text, category] : input.seen) {
    int64_t code = 0;
    if (categories.are_codes) {
      if (!whole(text, &code) || code < 0 || code >= input.config->classes)
        return wrong(category.line, "label `" + text.substr(0, 40) + "` is not one of the classes 0.." +
                                        std::to_string(input.config->classes - 1));
    } else {
      auto found = std::find(categories.names.begin(), categories.names.end(), text);
      if (found == categories.names.end())
        return wrong(category.line, "class `" + text.substr(0, 40) + "` does not occur in the training data" +
                                        did_you_mean(text, categories.names));
      code = found - categories.names.begin();
    }
    codes[category.index] = static_cast<int32_t>(code);
  }
  for (size_t at = 0; at < input.values.size(); at += sizeof(uint32_t)) {
    uint32_t index = 0;
    memcpy(&index, input.values.data() + at, sizeof index);
    memcpy(input.values.data() + at, &codes[index], sizeof index);
  }
  return convert_elements(std::move(input.values), FileType::I32, dtype, 0, input.columns.size(), path_);
}

Result<CsvData> CsvReader::read(const std::vector<const tarn_tensor*>& tensors, std::vector<Categories>& categories) {
  Result<CsvRows> rows = CsvRows::open(path_, config_.separator);
  if (!rows) return rows.error();
  if (Status status = start(*rows, tensors); !status) return status.error();
  std::vector<Cell> cells(width_);
  for (;;) {
    Result<bool> more = rows->next();
    if (!more) return more.error();
    if (!*more) break;
    cells.resize(rows->cell_count());
    for (size_t i = 0; i < cells.size(); ++i) cells[i] = {rows->cell(i), rows->is_quoted(i)};
    if (Status status = take_row(cells, rows->line()); !status) return status.error();
  }
  if (Status status = report_missing(); !status) return status.error();
  if (rows_ == 0)
    return Error{path_ + (dropped_ > 0 ? ": every row has a missing cell" : ": has a header but no rows")};
  CsvData data;
  data.rows = rows_;
  data.dropped = dropped_;
  if (config_.missing.how != MissingConfig::How::Value) data.holes = std::move(holes_);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Result<Bytes> bytes = finish(inputs_[i], categories[i]);
    if (!bytes) return bytes.error();
    data.inputs.push_back(std::move(*bytes));
  }
  return data;
}

Result<CsvData> read_csv(const std::string& path, const DataConfig& config,
                         const std::vector<const tarn_tensor*>& tensors, int64_t batch,
                         std::vector<Categories>& categories) {
  return CsvReader(path, config, batch).read(tensors, categories);
}

}  // namespace tarn::runtime
