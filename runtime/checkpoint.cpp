// A run's tensors and state <-> a safetensors file.
#include "checkpoint.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "text.h"

namespace tarn::runtime {

static const char* const kFormat = "1";

// What tarn_st_save asks for.
struct Content {
  std::vector<tarn_st_tensor> tensors;
  std::vector<std::pair<std::string, std::string>> pairs;

  void add(const std::string& key, const std::string& value) { pairs.emplace_back(key, value); }
  void add(const std::string& key, int64_t value) { add(key, std::to_string(value)); }
  // 17 digits: f64 comes back exactly.
  void add(const std::string& key, double value) { add(key, format("%.17g", value)); }

  tarn_st_content view() {
    return {this, tensors.size(),
            [](void* user, size_t i, tarn_st_tensor* out) { *out = static_cast<Content*>(user)->tensors[i]; },
            pairs.size(),
            [](void* user, size_t i, tarn_st_pair* out) {
              const auto& [key, value] = static_cast<Content*>(user)->pairs[i];
              snprintf(out->key, sizeof out->key, "%s", key.c_str());
              snprintf(out->value, sizeof out->value, "%s", value.c_str());
            }};
  }
};

static bool is_saved(const tarn_tensor& tensor) {
  return tensor.role <= TARN_SLOT;
}
static bool is_weight(const tarn_tensor& tensor) {
  return tensor.role == TARN_PARAM || tensor.role == TARN_STATE;
}

static tarn_st_tensor entry_of(const tarn_tensor& tensor, const char* prefix, const void* data) {
  return {prefix, tensor.name, tensor.dtype, tensor.rank, tensor.shape, data, tensor.bytes};
}

static void add_state(Content& content, Model& model, const RunState& state) {
  content.add("tarn.format", std::string(kFormat));
  content.add("tarn.model", std::string(model.program().name));
  content.add("tarn.model_hash", std::string(model.program().hash));
  content.add("tarn.step", model.scalar(TARN_STEP));
  content.add("tarn.epoch", state.epoch);
  content.add("tarn.cursor", state.cursor);
  content.add("tarn.epochs", state.epochs);
  content.add("tarn.total_steps", state.total_steps);
  if (state.steps > 0) content.add("tarn.steps", state.steps);
  content.add("tarn.seed", state.seed);
  content.add("tarn.batch", model.batch());
  content.add("tarn.rows", state.train_rows);
  content.add("tarn.data", format("%016" PRIx64, state.data_hash));
  content.add("tarn.row_count", state.partial.rows);
  content.add("tarn.loss_sum", state.partial.loss);
  for (size_t i = 0; i < state.partial.metrics.size(); ++i)
    content.add(std::string("tarn.metric.") + model.metrics()[i]->name, state.partial.metrics[i]);
  if (state.has_best) {
    content.add("tarn.best_value", state.best_value);
    content.add("tarn.best_epoch", state.best_epoch);
    content.add("tarn.since_best", state.epochs_since_best);
  }
  if (state.finished) content.add("tarn.finished", int64_t{1});
  for (const auto& [input, names] : state.classes)
    if (names.size() < sizeof(tarn_st_pair::value)) content.add("tarn.classes." + input, names);
  for (const tarn_tensor* hyper : model.of_role(TARN_HYPER))
    content.add(std::string("hyper.") + hyper->name, model.hyper(*hyper));
}

uint64_t checkpoint_bytes(const Model& model, bool with_best) {
  uint64_t bytes = 4096;
  for (uint32_t i = 0; i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (!is_saved(tensor)) continue;
    bytes += (tensor.bytes + 256) * (with_best && is_weight(tensor) ? 2 : 1);
  }
  return bytes;
}

Status save_checkpoint(const std::string& path, Model& model, const RunState& state, WeightCopy& other) {
  Content content;
  for (uint32_t i = 0; i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (is_saved(tensor)) content.tensors.push_back(entry_of(tensor, "", model.data(tensor)));
  }
  const char* prefix = state.finished ? "last/" : "best/";
  for (uint32_t i = 0; !other.empty() && i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (is_weight(tensor)) content.tensors.push_back(entry_of(tensor, prefix, other.place(model, tensor)));
  }
  add_state(content, model, state);
  return write_checkpoint(path, content.view());
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

// What tells the file from the model, one line each.
static std::vector<std::string> differences(const CheckpointFile& file, const Model& model, bool slots_too) {
  std::vector<std::string> lines;
  for (uint32_t i = 0; i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (!is_weight(tensor) && !(slots_too && tensor.role == TARN_SLOT)) continue;
    const Entry* entry = file.find(tensor.name);
    if (entry == nullptr)
      lines.push_back(format("`%s` %s is missing in the file", tensor.name, type_text(tensor).c_str()));
    else if (type_text(entry->dtype, entry->shape) != type_text(tensor))
      lines.push_back(format("`%s` is %s in the file, %s in the model", tensor.name,
                             type_text(entry->dtype, entry->shape).c_str(), type_text(tensor).c_str()));
  }
  for (const Entry& entry : file.entries()) {
    if (has_prefix(entry.name, "best/") || has_prefix(entry.name, "last/")) continue;
    bool known = model.find(TARN_PARAM, entry.name) != nullptr || model.find(TARN_STATE, entry.name) != nullptr ||
                 model.find(TARN_SLOT, entry.name) != nullptr;
    if (!known)
      lines.push_back(
          format("`%s` %s is not in the model", entry.name.c_str(), type_text(entry.dtype, entry.shape).c_str()));
  }
  return lines;
}

static Error foreign(const CheckpointFile& file, const Model& model, const std::vector<std::string>& lines) {
  std::string name = file.metadata("tarn.model");
  std::string message = file.path() + ": does not fit the model `" + model.program().name + "`" +
                        (name.empty() ? "" : " (it was saved by `" + name + "`)") + ":";
  for (size_t i = 0; i < lines.size() && i < 10; ++i) message += "\n  " + lines[i];
  if (lines.size() > 10) message += format("\n  ... %zu differences in all", lines.size());
  return Error{message};
}

static Status read_tensors(const CheckpointFile& file, Model& model, bool slots_too) {
  for (uint32_t i = 0; i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (!is_weight(tensor) && !(slots_too && tensor.role == TARN_SLOT)) continue;
    if (Status status = file.read(*file.find(tensor.name), model.data(tensor)); !status) return status;
  }
  return Done{};
}

Status load_weights(const std::string& path, Model& model) {
  Result<CheckpointFile> file = CheckpointFile::open(path);
  if (!file) return file.error();
  std::vector<std::string> lines = differences(*file, model, false);
  // Slots of another optimizer do no harm: only the weights are taken.
  std::erase_if(lines, [&](const std::string& line) {
    size_t end = line.find('`', 1);
    std::string name = line.substr(1, end - 1);
    size_t dot = name.rfind('.');
    return line.find("is not in the model") != std::string::npos && dot != std::string::npos &&
           model.find(TARN_PARAM, name.substr(0, dot)) != nullptr;
  });
  if (!lines.empty()) return foreign(*file, model, lines);
  return read_tensors(*file, model, false);
}

// Reads the metadata; the first thing that is wrong is kept.
class StateReader {
 public:
  explicit StateReader(const CheckpointFile& file) : file_(file) {}
  int64_t integer(const char* key, int64_t least) {
    int64_t value = 0;
    if (!parse_int(file_.metadata(key), &value) || value < least) wrong(key);
    return value;
  }
  double real(const std::string& key) {
    double value = 0;
    if (!parse_double(file_.metadata(key), &value)) wrong(key);
    return value;
  }
  void wrong(const std::string& key) {
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
  std::string error_;
};

static std::string read_state(const CheckpointFile& file, Model& model, RunState& state, int64_t* step) {
  StateReader reader(file);
  if (!file.metadata("tarn.format").empty() && file.metadata("tarn.format") != kFormat)
    return file.path() + ": has the checkpoint format " + file.metadata("tarn.format") + ", this program reads " +
           kFormat;
  *step = reader.integer("tarn.step", 0);
  state.epoch = reader.integer("tarn.epoch", 0);
  state.cursor = reader.integer("tarn.cursor", 0);
  state.epochs = reader.integer("tarn.epochs", 0);
  state.total_steps = reader.integer("tarn.total_steps", 0);
  state.steps = file.metadata("tarn.steps").empty() ? 0 : reader.integer("tarn.steps", 0);
  state.seed = reader.integer("tarn.seed", INT64_MIN);
  state.train_rows = reader.integer("tarn.rows", 1);
  std::string data = file.metadata("tarn.data");
  if (data.size() != 16 || sscanf(data.c_str(), "%16" SCNx64, &state.data_hash) != 1) reader.wrong("tarn.data");
  state.partial.rows = reader.integer("tarn.row_count", 0);
  state.partial.loss = reader.real("tarn.loss_sum");
  for (size_t i = 0; i < state.partial.metrics.size(); ++i)
    state.partial.metrics[i] = reader.real(std::string("tarn.metric.") + model.metrics()[i]->name);
  state.has_best = !file.metadata("tarn.best_value").empty();
  if (state.has_best) {
    state.best_value = reader.real("tarn.best_value");
    state.best_epoch = reader.integer("tarn.best_epoch", 1);
    state.epochs_since_best = reader.integer("tarn.since_best", 0);
  }
  state.finished = !file.metadata("tarn.finished").empty();
  if (reader.integer("tarn.batch", 1) != model.batch() && reader.error().empty())
    return format("%s: was trained with batches of %s rows, the program has %lld", file.path().c_str(),
                  file.metadata("tarn.batch").c_str(), static_cast<long long>(model.batch()));
  for (const tarn_tensor* hyper : model.of_role(TARN_HYPER))
    model.hyper(*hyper) = reader.real(std::string("hyper.") + hyper->name);
  return reader.error();
}

// The second set of weights: `best/` of a run under way, or `last/` of a finished one, where the sets change places.
static Status read_other(const CheckpointFile& file, Model& model, const RunState& state, WeightCopy& best) {
  const char* prefix = state.finished ? "last/" : "best/";
  bool any = false;
  for (const Entry& entry : file.entries()) any = any || has_prefix(entry.name, prefix);
  if (!any) return Done{};
  best.allocate(model);
  for (uint32_t i = 0; i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (!is_weight(tensor)) continue;
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
  std::vector<std::string> lines = differences(*file, model, true);
  std::string hash = file->metadata("tarn.model_hash");
  if (lines.empty() && !hash.empty() && hash != model.program().hash)
    lines.push_back("the file's model hash is " + hash + ", the program's is " + model.program().hash);
  if (!lines.empty()) return ResumeError{foreign(*file, model, lines), false};
  int64_t step = 0;
  if (std::string why = read_state(*file, model, state, &step); !why.empty()) return ResumeError{Error{why}, false};
  if (Status status = read_tensors(*file, model, true); !status) return ResumeError{status.error(), true};
  if (Status status = read_other(*file, model, state, best); !status) return ResumeError{status.error(), true};
  model.scalar(TARN_STEP) = step;
  return std::nullopt;
}

}  // namespace tarn::runtime
