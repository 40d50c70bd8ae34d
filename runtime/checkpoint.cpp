// A run's tensors and state <-> a safetensors file.
#include "checkpoint.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "instance_file.h"
#include "text.h"

namespace tarn::runtime {

// ---- metadata

// The numbers of a run's state, each under its key and with the least that it may be: the one list for writing and
// reading.  `visit(key, number, least)` for integers, `visit(key, number)` for f64.
template <typename State, typename Visit>
static void each_number(State& state, const Model& model, const Visit& visit) {
  visit("tarn.epoch", state.epoch, int64_t{0});
  visit("tarn.cursor", state.cursor, int64_t{0});
  visit("tarn.epochs", state.epochs, int64_t{0});
  visit("tarn.total_steps", state.total_steps, int64_t{0});
  visit("tarn.rows", state.train_rows, int64_t{1});
  visit("tarn.row_count", state.partial.rows, int64_t{0});
  visit("tarn.loss_sum", state.partial.loss);
  for (size_t i = 0; i < state.partial.metrics.size(); ++i)
    visit(std::string("tarn.metric.") + model.metrics()[i]->name, state.partial.metrics[i]);
  if (!state.has_best) return;
  visit("tarn.best_value", state.best_value);
  visit("tarn.best_epoch", state.best_epoch, int64_t{1});
}

static const char* const kBatch = "tarn.batch";
static const char* const kData = "tarn.data";
static const char* const kSteps = "tarn.steps";           // where the run's length is in steps
static const char* const kBest = "tarn.best_value";       // where the run has a best
static const char* const kSinceBest = "tarn.since_best";  // and where it had a chance of one
static const char* const kFinished = "tarn.finished";     // where it has ended

static std::string hyper_key(const tarn_tensor* hyper) {
  return std::string("hyper.") + hyper->name;
}

// The second set of weights that a file may hold.
static const char* const kBestSet = "best/";  // of a run under way
static const char* const kLastSet = "last/";  // of a finished one, whose plain names hold the best weights

static const char* other_set(const RunState& state) {
  return state.finished ? kLastSet : kBestSet;
}

// ---- saving

// What tarn_st_save asks for.
class Content {
 public:
  Content(const Model& model, const RunState& state, const WeightCopy& other) : model_(model), other_(other) {
    each_saved([&](const tarn_tensor& tensor) { entries_.push_back({&tensor, false}); });
    if (!other.empty())
      each_saved([&](const tarn_tensor& tensor) {
        if (tarn_is_weight(&tensor)) entries_.push_back({&tensor, true});
      });
    other_prefix_ = other_set(state);
    add_state(state);
  }

  tarn_st_content view() { return {this, entries_.size(), entry, TARN_INSTANCE_PAIRS + pairs_.size(), pair, read}; }

 private:
  struct Entry {
    const tarn_tensor* tensor;
    bool is_other;  // of the second set
  };

  template <typename Visit>
  void each_saved(const Visit& visit) const {
    for (uint32_t i = 0; i < model_.program().tensor_count; ++i)
      if (tarn_is_saved(&model_.program().tensors[i])) visit(model_.program().tensors[i]);
  }

  void add(const std::string& key, const std::string& value) { pairs_.emplace_back(key, value); }
  void add(const std::string& key, int64_t value) { add(key, std::to_string(value)); }
  // 17 digits: f64 comes back exactly.
  void add(const std::string& key, double value) { add(key, format("%.17g", value)); }

  // Beside the pairs that every file of an instance has.
  void add_state(const RunState& state) {
    each_number(state, model_, [&](const std::string& key, auto number, auto...) { add(key, number); });
    if (state.steps > 0) add(kSteps, state.steps);
    if (state.has_best || state.epochs_since_best > 0) add(kSinceBest, state.epochs_since_best);
    add(kBatch, model_.batch());
    add(kData, format("%016" PRIx64, state.data_hash));
    if (state.finished) add(kFinished, int64_t{1});
    for (const auto& [input, names] : state.classes)
      if (names.size() < sizeof(tarn_st_pair::value)) add("tarn.classes." + input, names);
    for (const tarn_tensor* hyper : model_.hypers()) add(hyper_key(hyper), model_.hyper(*hyper));
  }

  static void entry(void* user, size_t index, tarn_st_tensor* out) {
    auto& self = *static_cast<Content*>(user);
    const Entry& found = self.entries_[index];
    tarn_saved_entry(found.tensor, found.is_other ? self.other_prefix_ : "", out);
    out->source = &found;
  }

  static void pair(void* user, size_t index, tarn_st_pair* out) {
    auto& self = *static_cast<Content*>(user);
    if (index < TARN_INSTANCE_PAIRS) return tarn_instance_pair(&self.model_.instance(), index, out);
    const auto& [key, value] = self.pairs_[index - TARN_INSTANCE_PAIRS];
    snprintf(out->key, sizeof out->key, "%s", key.c_str());
    snprintf(out->value, sizeof out->value, "%s", value.c_str());
  }

  static void read(void* user, const tarn_st_tensor* tensor, uint64_t at, void* to, size_t count) {
    auto& self = *static_cast<Content*>(user);
    const auto& found = *static_cast<const Entry*>(tensor->source);
    if (found.is_other)
      memcpy(to, self.other_.place(self.model_, *found.tensor) + at, count);
    else
      self.model_.read_part(*found.tensor, at, to, count);
  }

  const Model& model_;
  const WeightCopy& other_;
  const char* other_prefix_;
  std::vector<Entry> entries_;
  std::vector<std::pair<std::string, std::string>> pairs_;
};

uint64_t checkpoint_bytes(const Model& model, bool with_best) {
  uint64_t bytes = 4096;
  for (uint32_t i = 0; i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (!tarn_is_saved(&tensor)) continue;
    bytes += (tensor.bytes + 256) * (with_best && tarn_is_weight(&tensor) ? 2 : 1);
  }
  return bytes;
}

Status save_checkpoint(const std::string& path, const Model& model, const RunState& state, const WeightCopy& other) {
  return write_checkpoint(path, Content(model, state, other).view());
}

// ---- loading

using Entry = CheckpointFile::Entry;

static bool has_prefix(const std::string& name, const char* prefix) {
  return name.rfind(prefix, 0) == 0;
}

static std::string type_text(const std::string& dtype, const std::vector<int64_t>& shape) {
  return dtype + shape_text(shape.data(), static_cast<uint32_t>(shape.size()));
}

static std::string type_text(const tarn_tensor& tensor) {
  return tarn_st_dtype_name(tensor.dtype) + shape_text(tensor.shape, tensor.rank);
}

// How the file and the model differ in one tensor.
struct Difference {
  enum class Kind { MissingInFile, OtherType, NotInModel } kind;
  std::string name;
  std::string in_file, in_model;  // types; of the one that has it

  std::string text() const {
    switch (kind) {
      case Kind::MissingInFile:
        return "`" + name + "` " + in_model + " is missing in the file";
      case Kind::OtherType:
        return "`" + name + "` is " + in_file + " in the file, " + in_model + " in the model";
      case Kind::NotInModel:
        return "`" + name + "` " + in_file + " is not in the model";
    }
    return name;
  }
};

static bool is_read(const tarn_tensor& tensor, bool slots_too) {
  return tarn_is_weight(&tensor) || (slots_too && tarn_is_saved(&tensor));
}

static std::vector<Difference> differences(const CheckpointFile& file, const Model& model, bool slots_too) {
  using Kind = Difference::Kind;
  std::vector<Difference> found;
  for (uint32_t i = 0; i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (!is_read(tensor, slots_too)) continue;
    const Entry* entry = file.find(tensor.name);
    if (entry == nullptr) {
      found.push_back({Kind::MissingInFile, tensor.name, "", type_text(tensor)});
      continue;
    }
    std::string in_file = type_text(entry->dtype, entry->shape), in_model = type_text(tensor);
    if (in_file != in_model) found.push_back({Kind::OtherType, tensor.name, in_file, in_model});
  }
  for (const Entry& entry : file.entries()) {
    if (has_prefix(entry.name, kBestSet) || has_prefix(entry.name, kLastSet)) continue;
    if (tarn_find_tensor(&model.program(), entry.name.c_str(), TARN_PARAM, TARN_SLOT) == nullptr)
      found.push_back({Kind::NotInModel, entry.name, type_text(entry.dtype, entry.shape), ""});
  }
  return found;
}

static Error foreign(const CheckpointFile& file, const Model& model, const std::vector<Difference>& found) {
  std::string name = file.metadata(TARN_KEY_MODEL);
  std::string message = file.path() + ": does not fit the model `" + model.program().name + "`" +
                        (name.empty() ? "" : " (it was saved by `" + name + "`)") + ":";
  for (size_t i = 0; i < found.size() && i < 10; ++i) message += "\n  " + found[i].text();
  if (found.size() > 10) message += format("\n  ... %zu differences in all", found.size());
  return Error{message};
}

static Status read_tensors(const CheckpointFile& file, Model& model, bool slots_too) {
  for (uint32_t i = 0; i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (!is_read(tensor, slots_too)) continue;
    Status status = file.read(*file.find(tensor.name), model.begin_write(tensor));
    model.end_write(tensor);
    if (!status) return status;
  }
  return Done{};
}

// PARAMETER.SLOT: of another optimizer, where the model's own has no such slot.
static bool is_slot_of(const Model& model, const std::string& name) {
  size_t dot = name.rfind('.');
  return dot != std::string::npos && model.find(TARN_PARAM, name.substr(0, dot)) != nullptr;
}

Status load_weights(const std::string& path, Model& model) {
  Result<CheckpointFile> file = CheckpointFile::open(path);
  if (!file) return file.error();
  std::vector<Difference> found = differences(*file, model, false);
  // Slots of another optimizer do no harm: only the weights are taken.
  std::erase_if(found, [&](const Difference& difference) {
    return difference.kind == Difference::Kind::NotInModel && is_slot_of(model, difference.name);
  });
  if (!found.empty()) return foreign(*file, model, found);
  return read_tensors(*file, model, false);
}

// Reads the metadata; the first thing that is wrong is kept.
class StateReader {
 public:
  explicit StateReader(const CheckpointFile& file) : file_(file) {}
  int64_t integer(const std::string& key, int64_t least) const {
    int64_t value = 0;
    if (!parse_int(file_.metadata(key), &value) || value < least) wrong(key);
    return value;
  }
  // For each_number.
  void operator()(const std::string& key, int64_t& number, int64_t least) const { number = integer(key, least); }
  void operator()(const std::string& key, double& number) const { number = real(key); }
  double real(const std::string& key) const {
    double value = 0;
    if (!parse_double(file_.metadata(key), &value)) wrong(key);
    return value;
  }
  void wrong(const std::string& key) const {
    if (!error_.empty()) return;
    error_ = file_.path() + ": " +
             (file_.metadata(key).empty() ? "lacks the metadata `" + key +
                                                "`: it holds weights, but no run to go on "
                                                "with (`--load` starts a new run from them)"
                                          : "the metadata `" + key + "` is malformed: " + file_.metadata(key));
  }
  const std::string& error() const { return error_; }

 private:
  const CheckpointFile& file_;
  mutable std::string error_;
};

static std::string read_state(const CheckpointFile& file, Model& model, RunState& state, int64_t* step) {
  StateReader reader(file);
  std::string file_format = file.metadata(TARN_KEY_FORMAT);
  if (!file_format.empty() && file_format != TARN_FILE_FORMAT)
    return file.path() + ": has the checkpoint format " + file_format + ", this program reads " + TARN_FILE_FORMAT;
  *step = reader.integer(TARN_KEY_STEP, 0);
  state.seed = reader.integer(TARN_KEY_SEED, INT64_MIN);
  state.has_best = !file.metadata(kBest).empty();
  each_number(state, model, reader);
  state.steps = file.metadata(kSteps).empty() ? 0 : reader.integer(kSteps, 0);
  state.epochs_since_best = file.metadata(kSinceBest).empty() ? 0 : reader.integer(kSinceBest, 0);
  std::string data = file.metadata(kData);
  if (data.size() != 16 || sscanf(data.c_str(), "%16" SCNx64, &state.data_hash) != 1) reader.wrong(kData);
  state.finished = !file.metadata(kFinished).empty();
  if (reader.integer(kBatch, 1) != model.batch() && reader.error().empty())
    return format("%s: was trained with batches of %s rows, the program has %lld", file.path().c_str(),
                  file.metadata(kBatch).c_str(), static_cast<long long>(model.batch()));
  for (const tarn_tensor* hyper : model.hypers()) model.set_hyper(*hyper, reader.real(hyper_key(hyper)));
  return reader.error();
}

// Of a finished run, the two sets change places.
static Status read_other(const CheckpointFile& file, Model& model, const RunState& state, WeightCopy& best) {
  const char* prefix = other_set(state);
  bool any = false;
  for (const Entry& entry : file.entries()) any = any || has_prefix(entry.name, prefix);
  if (!any) return Done{};
  best.allocate(model);
  for (uint32_t i = 0; i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (!tarn_is_weight(&tensor)) continue;
    const Entry* entry = file.find(std::string(prefix) + tensor.name);
    if (entry == nullptr || type_text(entry->dtype, entry->shape) != type_text(tensor))
      return Error{file.path() + ": `" + prefix + tensor.name + "` is missing or of another shape"};
    if (Status status = file.read(*entry, best.place(model, tensor)); !status) return status;
  }
  if (state.finished) best.swap(model);
  return Done{};
}

std::optional<ResumeError> load_run(const std::string& path, Model& model, RunState& state, WeightCopy& best) {
  Result<CheckpointFile> file = CheckpointFile::open(path);
  if (!file) return ResumeError{file.error(), true};
  if (std::vector<Difference> found = differences(*file, model, true); !found.empty())
    return ResumeError{foreign(*file, model, found), false};
  std::string hash = file->metadata(TARN_KEY_HASH);
  if (!tarn_is_of_model(&model.program(), hash.c_str()))
    return ResumeError{Error{path + ": does not fit the model `" + model.program().name +
                             "`: the file's model hash is " + hash + ", the program's is " + model.program().hash},
                       false};
  int64_t step = 0;
  if (std::string why = read_state(*file, model, state, &step); !why.empty()) return ResumeError{Error{why}, false};
  if (Status status = read_tensors(*file, model, true); !status) return ResumeError{status.error(), true};
  if (Status status = read_other(*file, model, state, best); !status) return ResumeError{status.error(), true};
  model.set_scalar(TARN_STEP, step);
  return std::nullopt;
}

}  // namespace tarn::runtime
