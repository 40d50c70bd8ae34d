// The config's data and a directory -> tables in memory and the rows of each split.
#include "data.h"

#include <algorithm>
#include <cmath>

#include "../random.h"
#include "../text.h"
#include "cifar.h"
#include "csv.h"
#include "idx.h"
#include "missing.h"
#include "text_windows.h"

namespace tarn::runtime {

static constexpr uint64_t kSplitKey = 0x7461726e;  // "tarn"; the training seed does not change the split

std::vector<std::string> data_files(const DataConfig& config, const std::string& directory) {
  if (!is_directory(directory)) return {directory};
  std::vector<std::string> patterns = {config.train, config.test.pattern, config.valid.pattern}, files;
  for (const InputConfig& input : config.inputs)
    if (config.format == DataFormat::Npy)
      patterns.insert(patterns.end(), {input.source, input.test_source, input.valid_source});
  for (const std::string& pattern : patterns) {
    if (pattern.empty()) continue;
    Result<std::vector<std::string>> names = find_files(directory, pattern);
    if (!names) continue;  // load_data says it
    for (const std::string& name : *names) files.push_back(join_path(directory, name));
  }
  return files;
}

class Loader {
 public:
  Loader(const DataConfig& config, const Model& model, const std::string& directory)
      : config_(config), model_(model), directory_(directory), categories_(config.inputs.size()) {}
  Result<DataSets> load(Want want);

 private:
  enum class Part { Train, Test, Valid };
  Status find_tensors();
  Result<std::unique_ptr<Table>> load_table(const std::string& pattern, Part part);
  Status load_idx(const std::string& pattern, Table& table);
  Status load_csv(const std::string& pattern, Table& table);
  Status load_cifar(const std::string& pattern, Table& table);
  Status load_text(const std::string& pattern, Table& table);
  Status load_npy(Part part, Table& table);
  Status add_array(const std::string& path, size_t input, Array array, Table& table);
  Status add_column(const std::string& path, size_t input, int64_t rows, Bytes bytes, Table& table);
  Result<std::string> find_one(const std::string& pattern) const;
  void take_all(Split& split, const Table& table) const;
  Status split_train(DataSets& sets, const Table& table);
  Status split_text(DataSets& sets, const Table& table);
  Status fill_holes(const DataSets& sets, Table& table);
  void note_classes(DataSets& sets) const;
  std::string row_shape(const tarn_tensor& tensor) const;

  const DataConfig& config_;
  const Model& model_;
  const std::string& directory_;
  std::vector<const tarn_tensor*> tensors_;  // as config_.inputs
  std::vector<Categories> categories_;
  Alphabet alphabet_;
  std::vector<Hole> holes_;  // of the table just read
  Filler filler_;
  std::vector<std::string> notes_;
  std::string first_path_;  // whose rows the other columns must match
};

Status Loader::find_tensors() {
  for (const InputConfig& input : config_.inputs) {
    const tarn_tensor* tensor = model_.find(TARN_INPUT, input.tensor);
    if (tensor == nullptr) return Error{"the program's config feeds `" + input.tensor + "`, which is no input"};
    tensors_.push_back(tensor);
  }
  // What the model reads in `predict` alone, such as a generator's noise, comes from there.
  for (const tarn_tensor* input : model_.inputs())
    if ((input->reserved & TARN_USED_BY_PREDICT) == 0 &&
        std::find(tensors_.begin(), tensors_.end(), input) == tensors_.end())
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
  table.add_dense(*tensor, tensor->bytes / static_cast<uint64_t>(model_.batch()), std::move(bytes));
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
      return Error{format("two files of %s fit `%s`: %s and %s", shape->size() >= 2 ? "images" : "labels",
                          pattern.c_str(), slot.c_str(), path.c_str())};
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

// The one file of a format that reads one; `--data` may name it.
Result<std::string> Loader::find_one(const std::string& pattern) const {
  if (!is_directory(directory_)) return std::string(directory_);
  Result<std::vector<std::string>> names = find_files(directory_, pattern);
  if (!names) return names.error();
  if (names->size() > 1)
    return Error{"two files fit `" + pattern + "`: " + join_path(directory_, (*names)[0]) + " and " +
                 join_path(directory_, (*names)[1])};
  return join_path(directory_, (*names)[0]);
}

Status Loader::load_csv(const std::string& pattern, Table& table) {
  Result<std::string> path = find_one(pattern);
  if (!path) return path.error();
  Result<CsvData> data = read_csv(*path, config_, tensors_, model_.batch(), categories_);
  if (!data) return data.error();
  for (size_t input = 0; input < tensors_.size(); ++input)
    if (Status status = add_column(*path, input, data->rows, std::move(data->inputs[input]), table); !status)
      return status;
  if (data->dropped > 0)
    notes_.push_back(
        format("%s: left out %lld rows with missing cells", path->c_str(), static_cast<long long>(data->dropped)));
  holes_ = std::move(data->holes);
  return Done{};
}

Status Loader::load_cifar(const std::string& pattern, Table& table) {
  Result<std::vector<std::string>> names = find_files(directory_, pattern);
  if (!names) return names.error();
  std::vector<CifarInput> inputs;
  for (size_t input = 0; input < tensors_.size(); ++input)
    inputs.push_back({tensors_[input], config_.inputs[input].source == "labels", config_.inputs[input].classes});
  for (std::string& name : *names) name = join_path(directory_, name);
  return read_cifar(*names, inputs, model_.batch(), table);
}

Status Loader::load_text(const std::string& pattern, Table& table) {
  Result<std::string> path = find_one(pattern);
  if (!path) return path.error();
  std::vector<TextInput> inputs;
  for (size_t input = 0; input < tensors_.size(); ++input)
    inputs.push_back({tensors_[input], config_.inputs[input].source == "next", config_.inputs[input].classes});
  return read_text(*path, inputs, config_.window, model_.batch(), alphabet_, table);
}

Status Loader::load_npy(Part part, Table& table) {
  for (size_t input = 0; input < tensors_.size(); ++input) {
    const InputConfig& config = config_.inputs[input];
    const std::string& name = part == Part::Train  ? config.source
                              : part == Part::Test ? config.test_source
                                                   : config.valid_source;
    if (name.empty())
      return Error{"the program's config names no " + std::string(part == Part::Test ? "test" : "validation") +
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
    case DataFormat::Idx:
      status = load_idx(pattern, *table);
      break;
    case DataFormat::Csv:
      status = load_csv(pattern, *table);
      break;
    case DataFormat::Npy:
      status = load_npy(part, *table);
      break;
    case DataFormat::Cifar:
      status = load_cifar(pattern, *table);
      break;
    case DataFormat::Text:
      status = load_text(pattern, *table);
      break;
  }
  if (!status) return status.error();
  return table;
}

// 1e-9 undoes the rounding of decimal fractions: 0.29 * 100 is 28.999999999999996.
static int64_t row_share(double fraction, int64_t rows) {
  return static_cast<int64_t>(std::floor(fraction * static_cast<double>(rows) + 1e-9));
}

void Loader::take_all(Split& split, const Table& table) const {
  if (config_.format == DataFormat::Text) {
    take_windows(split, table, 0, table.rows + config_.window, config_.window);
    return;
  }
  split.table = &table;
  split.rows.resize(static_cast<size_t>(table.rows));
  std::iota(split.rows.begin(), split.rows.end(), 0u);
}

// A text is cut, not drawn from: training, then validation, then test, so that no window of one is seen in another.
Status Loader::split_text(DataSets& sets, const Table& table) {
  int64_t length = table.rows + config_.window, end = length;
  for (auto [split, fraction, name] :
       {std::tuple(&sets.test, config_.test.fraction, "test"), std::tuple(&sets.valid, config_.valid.fraction, "valid"),
        std::tuple(&sets.train, 0.0, "train")}) {
    bool is_train = split == &sets.train;
    if (!is_train && fraction <= 0) continue;
    int64_t begin = is_train ? 0 : end - row_share(fraction, length);
    take_windows(*split, table, std::max<int64_t>(begin, 0), end, config_.window);
    if (split->rows.empty())
      return Error{format("%s of %lld characters has no window of %lld and the character after it",
                          is_train ? "what is left to train on" : format("%s = %g", name, fraction).c_str(),
                          static_cast<long long>(length), static_cast<long long>(config_.window))};
    end = begin;
  }
  return Done{};
}

// test, then validation, then training rows, off a permutation of all; each in ascending order.
Status Loader::split_train(DataSets& sets, const Table& table) {
  if (config_.format == DataFormat::Text) return split_text(sets, table);
  std::vector<uint32_t> order(static_cast<size_t>(table.rows));
  permute(order, kSplitKey + static_cast<uint64_t>(config_.split_seed), Stream::Split, 0);
  size_t at = 0;
  auto take = [&](Split& split, double fraction, const char* name) -> Status {
    if (fraction <= 0) return Done{};
    auto count = static_cast<size_t>(row_share(fraction, table.rows));
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

void Loader::note_classes(DataSets& sets) const {
  for (size_t input = 0; input < categories_.size(); ++input) {
    const Categories& categories = categories_[input];
    if (config_.format == DataFormat::Text) {
      std::vector<std::string> names;
      for (unsigned char character : alphabet_.characters) names.push_back(character_name(character));
      sets.class_names.push_back({tensors_[input], std::move(names)});
    }
    const InputConfig& config = config_.inputs[input];
    if (categories.decided && categories.seen < config.classes)
      sets.notes.push_back(format("%s: only %lld of its %lld classes occur in the training file", config.tensor.c_str(),
                                  static_cast<long long>(categories.seen), static_cast<long long>(config.classes)));
    if (!categories.decided || categories.are_codes) continue;
    sets.class_names.push_back({tensors_[input], categories.names});
    std::string note = config_.inputs[input].tensor + ":";
    for (size_t code = 0; code < categories.names.size() && code < 12; ++code)
      note += format("%s %zu = %s", code ? "," : "", code, categories.names[code].substr(0, 40).c_str());
    sets.notes.push_back(note + (categories.names.size() > 12 ? ", ..." : ""));
  }
}

// Holes are filled by what the training rows say, in the training table and in those of other splits.
Status Loader::fill_holes(const DataSets& sets, Table& table) {
  if (holes_.empty()) return Done{};
  return filler_.fill(table, holes_, sets.train, config_.missing, notes_);
}

Result<DataSets> Loader::load(Want want) {
  if (Status status = find_tensors(); !status) return status.error();
  // Classes of a csv file and characters of a text are numbered by the training data.
  bool has_one_file = config_.format == DataFormat::Csv || config_.format == DataFormat::Text;
  if (!is_directory(directory_) && !has_one_file) {
    if (file_exists(directory_)) return Error{directory_ + ": is not a directory"};
    return Error{directory_ + ": no such directory"};
  }
  DataSets sets;
  bool train_needed = want == Want::All || config_.test.pattern.empty() || has_one_file;
  if (train_needed) {
    Result<std::unique_ptr<Table>> table = load_table(config_.train, Part::Train);
    if (!table) return table.error();
    sets.tables.push_back(std::move(*table));
    if (Status status = split_train(sets, *sets.tables.back()); !status) return status.error();
    if (Status status = fill_holes(sets, *sets.tables.back()); !status) return status.error();
  }
  for (auto [split, config, part] :
       {std::tuple(&sets.test, &config_.test, Part::Test), std::tuple(&sets.valid, &config_.valid, Part::Valid)}) {
    if (config->pattern.empty() || (part == Part::Valid && want == Want::TestOnly)) continue;
    Result<std::unique_ptr<Table>> table = load_table(config->pattern, part);
    if (!table) return table.error();
    sets.tables.push_back(std::move(*table));
    take_all(*split, *sets.tables.back());
    if (Status status = fill_holes(sets, *sets.tables.back()); !status) return status.error();
  }
  sets.notes = std::move(notes_);
  note_classes(sets);
  return sets;
}

Result<DataSets> load_data(const DataConfig& config, const Model& model, const std::string& directory, Want want) {
  return Loader(config, model, directory).load(want);
}

}  // namespace tarn::runtime
