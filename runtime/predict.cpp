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

// NAME=FILE or FILE -> the tensor and the file.  A bare FILE is for `tensors[0]`.
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

// The inputs, those that predict reads first.
static std::vector<const tarn_tensor*> inputs_of(const Model& model) {
  std::vector<const tarn_tensor*> inputs = model.inputs();
  std::stable_partition(inputs.begin(), inputs.end(),
                        [&](const tarn_tensor* input) { return model.is_read_by_predict(*input); });
  return inputs;
}

// What predict is given: rows, and the inputs that are taken whole.
struct Given {
  Table table;
  std::vector<const tarn_tensor*> tensors;
  bool has_rows = false;
};

static std::string wrong_shape(const std::string& path, const Array& array, const tarn_tensor& tensor) {
  uint32_t skipped = tarn_has_batch(&tensor) ? 1 : 0;
  return format("%s: shape %s, but input `%s` takes %s%s", path.c_str(),
                shape_text(array.shape.data(), static_cast<uint32_t>(array.shape.size())).c_str(), tensor.name,
                skipped == 1 ? "rows of " : "", shape_text(tensor.shape + skipped, tensor.rank - skipped).c_str());
}

static Status load_input(Model& model, const tarn_tensor& tensor, const std::string& path, Given& given) {
  Result<Array> array = read_npy(path);
  if (!array) return array.error();
  bool has_batch = tarn_has_batch(&tensor);
  int64_t rows = array->rows();
  int64_t found = has_batch ? array->row_elements() : checked_product(array->shape, 0);
  int64_t wanted = element_count(tensor) / (has_batch ? model.batch() : 1);
  if (found != wanted) return Error{wrong_shape(path, *array, tensor)};
  if (has_batch && given.has_rows && rows != given.table.rows)
    return Error{format("%s: %lld rows, but the input before it has %lld", path.c_str(), static_cast<long long>(rows),
                        static_cast<long long>(given.table.rows))};
  auto classes = static_cast<int64_t>(tensor.initial);
  Result<Bytes> bytes = convert_elements(std::move(array->bytes), array->type, tensor.dtype, classes,
                                         static_cast<uint64_t>(wanted), path);
  if (!bytes) return bytes.error();
  given.tensors.push_back(&tensor);
  if (has_batch) {
    given.has_rows = true;
    given.table.rows = rows;
    given.table.add_dense(tensor, tarn_row_bytes(&model.program(), &tensor), std::move(*bytes));
  } else {
    unsigned char* memory = model.begin_rows(tensor);
    memcpy(memory, bytes->data(), tensor.bytes);
    model.end_rows(tensor, memory, 1);
  }
  return Done{};
}

static Status load_inputs(Session& session, Given& given) {
  Model& model = session.model;
  for (const std::string& word : session.options.input) {
    auto target = find_target(inputs_of(model), word, "input");
    if (!target) return target.error();
    if (Status status = load_input(model, *target->first, target->second, given); !status) return status;
  }
  for (const tarn_tensor* input : model.inputs()) {
    bool is_given = std::find(given.tensors.begin(), given.tensors.end(), input) != given.tensors.end();
    if (!is_given && model.is_read_by_predict(*input))
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
    auto target = find_target(inputs_of(session.model), word, "input");
    if (target) run_files.reads(target->second, "--input");
  }
  for (const std::string& word : session.options.output) {
    auto target = find_target(tensors, word, "output");
    if (!target) return target.error();
    auto& [tensor, path] = *target;
    if (tensor->dtype == TARN_BF16)
      return Error{format("%s: output `%s` is bf16, which .npy has not; let the model give f32(..) of it", path.c_str(),
                          tensor->name)};
    Result<OutputFile> output = open_output(tensor, path, run_files);
    if (!output) return output.error();
    std::FILE* file = output->file;
    files.push_back(std::move(*output));
    std::vector<int64_t> shape(tensor->shape, tensor->shape + tensor->rank);
    // A dimension may hold several entries a row: B*T.
    if (tarn_has_batch(tensor)) shape[0] = shape[0] / session.model.batch() * rows;
    std::string header = npy_header(tensor->dtype, shape);
    if (fwrite(header.data(), 1, header.size(), file) != header.size()) return cannot_write(path);
  }
  return Done{};
}

static Status run_batch(Session& session, std::vector<OutputFile>& files, int64_t rows, bool is_first) {
  Model& model = session.model;
  if (tarn_result result = model.run(session.program().predict); result != TARN_OK) return cannot_run(result);
  for (OutputFile& output : files) {
    if (!tarn_has_batch(output.tensor) && !is_first) continue;  // it is the same for all rows
    size_t bytes = tarn_rows_bytes(&session.program(), output.tensor, static_cast<uint64_t>(rows));
    if (fwrite(model.view(output.tensor->offset, bytes), 1, bytes, output.file) != bytes)
      return cannot_write(output.path);
  }
  return Done{};
}

static Status run_rows(Session& session, const Given& given, std::vector<OutputFile>& files) {
  Model& model = session.model;
  const Table& table = given.table;
  if (!given.has_rows) return run_batch(session, files, model.batch(), true);
  std::vector<uint32_t> order(static_cast<size_t>(table.rows));
  std::iota(order.begin(), order.end(), 0u);
  for (int64_t first = 0; first < table.rows; first += model.batch()) {
    if (stop_signal() != 0) return Error{std::string("stopped by ") + stop_signal_name(), kStopped};
    int64_t count = std::min(model.batch(), table.rows - first);
    fill_batch(model, table, order.data(), first, count);
    if (Status status = run_batch(session, files, count, first == 0); !status) return status;
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
  Given given;
  if (Status status = load_inputs(session, given); !status) return status.error();
  if (given.has_rows && given.table.rows == 0) return Error{"the inputs hold no rows"};
  int64_t rows = given.has_rows ? given.table.rows : model.batch();
  std::vector<OutputFile> files;
  Status status = open_outputs(session, rows, files);
  if (status) status = run_rows(session, given, files);
  status = close_outputs(files, std::move(status));
  if (!status) return status.error();
  for (const OutputFile& output : files)
    if (output.replacing != nullptr)  // a stream may be standard output itself
      session.progress.line(format("%s: %lld rows", output.path.c_str(),
                                   static_cast<long long>(tarn_has_batch(output.tensor) ? rows : 1)));
  return kDone;
}

}  // namespace tarn::runtime
