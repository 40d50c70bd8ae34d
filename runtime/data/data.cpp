// The config's data and a directory -> tables in memory and the rows of each split; rows -> the arena's inputs.
#include "data.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../hash.h"
#include "../random.h"
#include "../text.h"
#include "csv.h"
#include "idx.h"

namespace tarn::runtime {

static constexpr uint64_t kSplitKey = 0x7461726e;  // "tarn"; the training seed does not change the split

class Loader {
 public:
  Loader(const DataConfig& config, const Model& model, const std::string& directory)
      : config_(config), model_(model), directory_(directory), categories_(config.inputs.size()) {}
  Result<DataSets> load(Want want);

 private:
  enum class Part { kTrain, kTest, kValid };
  Status find_tensors();
  Result<std::unique_ptr<Table>> load_table(const std::string& pattern, Part part);
  Status load_idx(const std::string& pattern, Table& table);
  Status load_csv(const std::string& pattern, Table& table);
  Status load_npy(Part part, Table& table);
  Status add_array(const std::string& path, size_t input, Array array, Table& table);
  Status add_column(const std::string& path, size_t input, int64_t rows, Bytes bytes, Table& table);
  Status split_train(DataSets& sets, const Table& table);
  void note_categories(DataSets& sets) const;
  std::string row_shape(const tarn_tensor& tensor) const;

  const DataConfig& config_;
  const Model& model_;
  const std::string& directory_;
  std::vector<const tarn_tensor*> tensors_;  // as config_.inputs
  std::vector<Categories> categories_;
  std::string first_path_;  // whose rows the other columns must match
};

Status Loader::find_tensors() {
  for (const InputConfig& input : config_.inputs) {
    const tarn_tensor* tensor = model_.find(TARN_INPUT, input.tensor);
    if (tensor == nullptr) return Error{"the program's config feeds `" + input.tensor + "`, which is no input"};
    tensors_.push_back(tensor);
  }
  for (const tarn_tensor* input : model_.inputs())
    if (std::find(tensors_.begin(), tensors_.end(), input) == tensors_.end())
      return Error{std::string("input `") + input->name + "` is fed by no data of the program's config"};
  return Done{};
}

std::string Loader::row_shape(const tarn_tensor& tensor) const {
  return shape_text(tensor.shape + 1, tensor.rank > 0 ? tensor.rank - 1 : 0);
}

Status Loader::add_column(const std::string& path, size_t input, int64_t rows, Bytes bytes, Table& table) {
  if (rows == 0) return Error{path + ": holds no rows"};
  if (rows > static_cast<int64_t>(UINT32_MAX)) return Error{path + ": more than 2^32 rows"};
  if (table.columns.empty())
    first_path_ = path;
  else if (rows != table.rows)
    return Error{format("%s has %lld rows, but %s has %lld", path.c_str(), static_cast<long long>(rows),
                        first_path_.c_str(), static_cast<long long>(table.rows))};
  const tarn_tensor* tensor = tensors_[input];
  table.rows = rows;
  table.columns.push_back({tensor, tensor->bytes / static_cast<uint64_t>(model_.batch()), std::move(bytes)});
  return Done{};
}

Status Loader::add_array(const std::string& path, size_t input, Array array, Table& table) {
  const tarn_tensor& tensor = *tensors_[input];
  int64_t wanted = element_count(tensor) / model_.batch(), found = array.row_elements();
  if (wanted != found)
    return Error{format("%s: a row is %s (%lld values), but input `%s` takes %s (%lld)", path.c_str(),
                        shape_text(array.shape.data() + 1, static_cast<uint32_t>(array.shape.size() - 1)).c_str(),
                        static_cast<long long>(found), tensor.name, row_shape(tensor).c_str(),
                        static_cast<long long>(wanted))};
  int64_t rows = array.rows();
  Result<Bytes> bytes = convert_elements(std::move(array.bytes), array.type, tensor.dtype,
                                         config_.inputs[input].classes, static_cast<uint64_t>(found), path);
  if (!bytes) return bytes.error();
  return add_column(path, input, rows, std::move(*bytes), table);
}

// Tells the files that fit by their rank, so that names are free.
Status Loader::load_idx(const std::string& pattern, Table& table) {
  Result<std::vector<std::string>> names = find_files(directory_, pattern);
  if (!names) return names.error();
  std::string images, labels;
  for (const std::string& name : *names) {
    std::string path = join_path(directory_, name);
    Result<std::vector<int64_t>> shape = read_idx_shape(path);
    if (!shape) return shape.error();
    std::string& slot = shape->size() >= 2 ? images : labels;
    if (!slot.empty())
      return Error{"two files of " + std::string(shape->size() >= 2 ? "images" : "labels") + " fit `" + pattern +
                   "`: " + slot + " and " + path};
    slot = path;
  }
  for (size_t input = 0; input < tensors_.size(); ++input) {
    const std::string& source = config_.inputs[input].source;
    const std::string& path = source == "images" ? images : labels;
    if (path.empty())
      return Error{join_path(directory_, pattern) + ": no IDX file of " +
                   (source == "images" ? "images (rank 2 or more)" : "labels (rank 1)") + " fits the pattern"};
    Result<Array> array = read_idx(path);
    if (!array) return array.error();
    if (Status status = add_array(path, input, std::move(*array), table); !status) return status;
  }
  return Done{};
}

Status Loader::load_csv(const std::string& pattern, Table& table) {
  std::string path = directory_;
  if (is_directory(directory_)) {
    Result<std::vector<std::string>> names = find_files(directory_, pattern);
    if (!names) return names.error();
    if (names->size() > 1)
      return Error{"two files fit `" + pattern + "`: " + join_path(directory_, (*names)[0]) + " and " +
                   join_path(directory_, (*names)[1])};
    path = join_path(directory_, (*names)[0]);
  }
  Result<CsvData> data = read_csv(path, config_, tensors_, model_.batch(), categories_);
  if (!data) return data.error();
  for (size_t input = 0; input < tensors_.size(); ++input)
    if (Status status = add_column(path, input, data->rows, std::move(data->inputs[input]), table); !status)
      return status;
  return Done{};
}

Status Loader::load_npy(Part part, Table& table) {
  for (size_t input = 0; input < tensors_.size(); ++input) {
    const InputConfig& config = config_.inputs[input];
    const std::string& name = part == Part::kTrain  ? config.source
                              : part == Part::kTest ? config.test_source
                                                    : config.valid_source;
    if (name.empty())
      return Error{"the program's config names no " + std::string(part == Part::kTest ? "test" : "validation") +
                   " file for input `" + config.tensor + "`"};
    std::string path = join_path(directory_, name);
    if (!file_exists(path) && file_exists(path + ".gz")) path += ".gz";
    Result<Array> array = read_npy(path);
    if (!array) return array.error();
    if (Status status = add_array(path, input, std::move(*array), table); !status) return status;
  }
  return Done{};
}

Result<std::unique_ptr<Table>> Loader::load_table(const std::string& pattern, Part part) {
  auto table = std::make_unique<Table>();
  Status status = Done{};
  switch (config_.format) {
    case DataFormat::kIdx:
      status = load_idx(pattern, *table);
      break;
    case DataFormat::kCsv:
      status = load_csv(pattern, *table);
      break;
    case DataFormat::kNpy:
      status = load_npy(part, *table);
      break;
  }
  if (!status) return status.error();
  return table;
}

static void take_all(Split& split, const Table& table) {
  split.table = &table;
  split.rows.resize(static_cast<size_t>(table.rows));
  std::iota(split.rows.begin(), split.rows.end(), 0u);
}

// test, then validation, then training rows, off a permutation of all; each in ascending order.
Status Loader::split_train(DataSets& sets, const Table& table) {
  std::vector<uint32_t> order(static_cast<size_t>(table.rows));
  permute(order, kSplitKey + static_cast<uint64_t>(config_.split_seed), Stream::kSplit, 0);
  size_t at = 0;
  auto take = [&](Split& split, double fraction, const char* name) -> Status {
    if (fraction <= 0) return Done{};
    // 1e-9 undoes the rounding of decimal fractions: 0.29 * 100 is 28.999999999999996.
    auto count = static_cast<size_t>(std::floor(fraction * static_cast<double>(table.rows) + 1e-9));
    if (count == 0 || at + count >= order.size())
      return Error{format("%s = %g of %lld rows leaves %s", name, fraction, static_cast<long long>(table.rows),
                          count == 0 ? "it empty" : "no row to train on")};
    split.table = &table;
    split.rows.assign(order.begin() + static_cast<long>(at), order.begin() + static_cast<long>(at + count));
    std::sort(split.rows.begin(), split.rows.end());
    at += count;
    return Done{};
  };
  if (Status status = take(sets.test, config_.test.fraction, "test"); !status) return status;
  if (Status status = take(sets.valid, config_.valid.fraction, "valid"); !status) return status;
  sets.train.table = &table;
  sets.train.rows.assign(order.begin() + static_cast<long>(at), order.end());
  std::sort(sets.train.rows.begin(), sets.train.rows.end());
  return Done{};
}

void Loader::note_categories(DataSets& sets) const {
  for (size_t input = 0; input < categories_.size(); ++input) {
    const Categories& categories = categories_[input];
    if (!categories.decided || categories.are_codes) continue;
    std::string note = config_.inputs[input].tensor + ":";
    for (size_t code = 0; code < categories.names.size() && code < 12; ++code)
      note += format("%s %zu = %s", code ? "," : "", code, categories.names[code].substr(0, 40).c_str());
    sets.notes.push_back(note + (categories.names.size() > 12 ? ", ..." : ""));
  }
}

Result<DataSets> Loader::load(Want want) {
  if (Status status = find_tensors(); !status) return status.error();
  if (!is_directory(directory_) && config_.format != DataFormat::kCsv) {
    if (file_exists(directory_)) return Error{directory_ + ": is not a directory"};
    return Error{directory_ + ": no such directory"};
  }
  DataSets sets;
  // Classes of a csv file are numbered by its training rows.
  bool train_needed = want == Want::kAll || config_.test.pattern.empty() || config_.format == DataFormat::kCsv;
  if (train_needed) {
    Result<std::unique_ptr<Table>> table = load_table(config_.train, Part::kTrain);
    if (!table) return table.error();
    sets.tables.push_back(std::move(*table));
    if (Status status = split_train(sets, *sets.tables.back()); !status) return status.error();
  }
  for (auto [split, config, part] :
       {std::tuple(&sets.test, &config_.test, Part::kTest), std::tuple(&sets.valid, &config_.valid, Part::kValid)}) {
    if (config->pattern.empty() || (part == Part::kValid && want == Want::kTestOnly)) continue;
    Result<std::unique_ptr<Table>> table = load_table(config->pattern, part);
    if (!table) return table.error();
    sets.tables.push_back(std::move(*table));
    take_all(*split, *sets.tables.back());
  }
  note_categories(sets);
  return sets;
}

Result<DataSets> load_data(const DataConfig& config, const Model& model, const std::string& directory, Want want) {
  return Loader(config, model, directory).load(want);
}

uint64_t fingerprint(const Split& split) {
  tarn_hash hash;
  tarn_hash_start(&hash);
  for (const Table::Column& column : split.table->columns)
    tarn_hash_add(&hash, column.bytes.data(), column.bytes.size());
  tarn_hash_add(&hash, split.rows.data(), split.rows.size() * sizeof(uint32_t));
  return tarn_hash_end(&hash);
}

void fill_batch(Model& model, const Split& split, const uint32_t* order, int64_t first, int64_t count) {
  int64_t batch = model.batch();
  for (const Table::Column& column : split.table->columns) {
    unsigned char* to = model.data(*column.tensor);
    for (int64_t i = 0; i < batch; ++i) {
      // Rows past the valid ones repeat them.
      int64_t at = first + (i < count ? i : i % count);
      uint64_t row = split.rows[static_cast<size_t>(order != nullptr ? order[at] : at)];
      memcpy(to + static_cast<uint64_t>(i) * column.row_bytes, column.bytes.data() + row * column.row_bytes,
             column.row_bytes);
    }
  }
  model.scalar(TARN_COUNT) = count;
}

void prefetch_batch(const Split& split, const uint32_t* order, int64_t first, int64_t count) {
  constexpr uint64_t kMostBytes = 128 << 10;  // a part of a small L2, so that the step keeps its own data
  constexpr uint64_t kLine = 64;
  for (const Table::Column& column : split.table->columns) {
    if (column.row_bytes * static_cast<uint64_t>(count) > kMostBytes) continue;
    for (int64_t i = first; i < first + count; ++i) {
      const unsigned char* row = column.bytes.data() + split.rows[order[i]] * column.row_bytes;
      for (uint64_t at = 0; at < column.row_bytes; at += kLine) __builtin_prefetch(row + at, 0, 2);
    }
  }
}

}  // namespace tarn::runtime
