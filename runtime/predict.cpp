// Saved weights + .npy rows -> .npy outputs: the `predict` command.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>

#include "data/npy.h"
#include "output_file.h"
#include "session.h"
#include "signals.h"
#include "text.h"

namespace tarn::runtime {

// NAME=FILE or FILE -> the tensor and the file.  A bare FILE is for the only, or first, tensor.
static Result<std::pair<const tarn_tensor*, std::string>> find_target(const std::vector<const tarn_tensor*>& tensors,
                                                                      const std::string& word, const char* flag) {
  size_t equals = word.find('=');
  if (equals == std::string::npos) return std::pair(tensors[0], word);
  std::string name = word.substr(0, equals);
  std::vector<std::string> names;
  for (const tarn_tensor* tensor : tensors) {
    if (name == tensor->name) return std::pair(tensor, word.substr(equals + 1));
    names.emplace_back(tensor->name);
  }
  if (file_exists(word)) return std::pair(tensors[0], word);
  return Error{std::string("`--") + flag + " " + word + "`: the model has no " + flag + " `" + name + "`" +
                   did_you_mean(name, names),
               kUsage};
}

// What `predict` reads comes first: a bare FILE is for that.
static std::vector<const tarn_tensor*> inputs_of_predict(const Model& model) {
  std::vector<const tarn_tensor*> inputs = model.inputs();
  std::stable_partition(inputs.begin(), inputs.end(),
                        [&](const tarn_tensor* input) { return model.is_read_by_predict(*input); });
  return inputs;
}

// How many classes the input's numbers stand for where the data say so; 0: plain numbers.
static int64_t classes_of(const Session& session, const tarn_tensor& input) {
  if (!session.config.data) return 0;
  for (const InputConfig& known : session.config.data->inputs)
    if (known.tensor == input.name) return known.classes;
  return 0;
}

static Status load_inputs(Session& session, Table& table) {
  Model& model = session.model;
  for (const std::string& word : session.options.input) {
    auto target = find_target(inputs_of_predict(model), word, "input");
    if (!target) return target.error();
    auto& [tensor, path] = *target;
    Result<Array> array = read_npy(path);
    if (!array) return array.error();
    int64_t wanted = element_count(*tensor) / model.batch(), rows = array->rows();
    if (array->row_elements() != wanted)
      return Error{format("%s: shape %s, but input `%s` takes rows of %s", path.c_str(),
                          shape_text(array->shape.data(), static_cast<uint32_t>(array->shape.size())).c_str(),
                          tensor->name, shape_text(tensor->shape + 1, tensor->rank - 1).c_str())};
    if (!table.columns.empty() && rows != table.rows)
      return Error{format("%s: %lld rows, but the input before it has %lld", path.c_str(), static_cast<long long>(rows),
                          static_cast<long long>(table.rows))};
    Result<Bytes> bytes = convert_elements(std::move(array->bytes), array->type, tensor->dtype,
                                           classes_of(session, *tensor), static_cast<uint64_t>(wanted), path);
    if (!bytes) return bytes.error();
    table.rows = rows;
    table.add_dense(*tensor, tensor->bytes / static_cast<uint64_t>(model.batch()), std::move(*bytes));
  }
  for (const tarn_tensor* input : model.inputs()) {
    bool given = false;
    for (const Table::Column& column : table.columns) given = given || column.tensor == input;
    if (!given && model.is_read_by_predict(*input))
      return Error{std::string("predict needs `--input ") + input->name + "=FILE.npy`", kUsage};
  }
  return Done{};
}

// One open output.  A plain file is a new one that takes its place at the end, and goes away where the run fails; a device
// or pipe is written in place.
struct OutputFile {
  const tarn_tensor* tensor;
  std::string path;
  std::unique_ptr<NewFile> replacing;
  std::FILE* file;
};

static Error cannot_write(const std::string& path) {
  return Error{path + ": cannot be written: " + strerror(errno)};
}

// The weights and the inputs are not written over; `-` is standard output.
static Result<OutputFile> open_output(const tarn_tensor* tensor, const std::string& word, RunFiles& run_files) {
  std::string path = word == "-" ? "/dev/stdout" : word;
  if (Status status = run_files.writes(path, kNpyFile, "--output"); !status) return status.error();
  OutputFile output{tensor, word, nullptr, nullptr};
  if (is_stream(path)) {
    Result<std::FILE*> file = open_stream(path, false);
    if (!file) return file.error();
    output.file = *file;
  } else {
    output.replacing = std::make_unique<NewFile>(real_target(path));
    errno = output.replacing->error();
    if (errno == 0) output.file = fdopen(output.replacing->release(), "wb");
  }
  if (output.file == nullptr) return cannot_write(word);
  return output;
}

static Status open_outputs(Session& session, int64_t rows, std::vector<OutputFile>& files) {
  const std::vector<const tarn_tensor*>& tensors = session.model.outputs();
  RunFiles run_files;
  run_files.reads(weights_path(session), "--load");
  for (const std::string& word : session.options.input) {
    auto target = find_target(inputs_of_predict(session.model), word, "input");
    if (target) run_files.reads(target->second, "--input");
  }
  for (const std::string& word : session.options.output) {
    auto target = find_target(tensors, word, "output");
    if (!target) return target.error();
    auto& [tensor, path] = *target;
    Result<OutputFile> output = open_output(tensor, path, run_files);
    if (!output) return output.error();
    std::FILE* file = output->file;
    files.push_back(std::move(*output));
    std::vector<int64_t> shape(tensor->shape, tensor->shape + tensor->rank);
    shape[0] = rows;
    std::string header = npy_header(tensor->dtype, shape);
    if (fwrite(header.data(), 1, header.size(), file) != header.size()) return cannot_write(path);
  }
  return Done{};
}

static Status run_rows(Session& session, const Table& table, std::vector<OutputFile>& files) {
  Model& model = session.model;
  std::vector<uint32_t> order(static_cast<size_t>(table.rows));
  std::iota(order.begin(), order.end(), 0u);
  for (int64_t first = 0; first < table.rows; first += model.batch()) {
    if (stop_signal() != 0) return Error{std::string("stopped by ") + stop_signal_name(), kStopped};
    int64_t count = std::min(model.batch(), table.rows - first);
    fill_batch(model, table, order.data(), first, count);
    if (tarn_result result = model.run(session.program().predict); result != TARN_OK) return cannot_run(result);
    for (OutputFile& output : files) {
      size_t bytes = output.tensor->bytes / static_cast<uint64_t>(model.batch()) * static_cast<uint64_t>(count);
      if (fwrite(model.view(output.tensor->offset, bytes), 1, bytes, output.file) != bytes)
        return cannot_write(output.path);
    }
  }
  return Done{};
}

static Status close_outputs(std::vector<OutputFile>& files, Status status) {
  for (OutputFile& output : files) {
    bool is_written = fclose(output.file) == 0;
    if (status && !is_written) status = cannot_write(output.path);
    if (!status || output.replacing == nullptr) continue;
    errno = output.replacing->take_place();
    if (errno != 0) status = cannot_write(output.path);
  }
  return status;
}

Result<int> run_predict(Session& session) {
  Model& model = session.model;
  const Options& options = session.options;
  if (session.program().predict.run == nullptr || model.inputs().empty())
    return Error{"the model has no entry point `predict`"};
  if (options.input.empty()) return Error{"predict needs `--input FILE.npy`", kUsage};
  if (options.output.empty()) return Error{"predict needs `--output FILE.npy`", kUsage};
  if (Status status = load_for_use(session); !status) return status.error();
  Table table;
  if (Status status = load_inputs(session, table); !status) return status.error();
  std::vector<OutputFile> files;
  Status status = open_outputs(session, table.rows, files);
  if (status) status = run_rows(session, table, files);
  status = close_outputs(files, std::move(status));
  if (!status) return status.error();
  for (const OutputFile& output : files)
    if (output.replacing != nullptr)  // a stream may be standard output itself
      session.progress.line(format("%s: %lld rows", output.path.c_str(), static_cast<long long>(table.rows)));
  return kDone;
}

}  // namespace tarn::runtime
