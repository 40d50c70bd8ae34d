// Facts about a compiled model -> NAME.h, the C99 header that stands beside libNAME.a.
#include "c_header.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <set>
#include <string_view>
#include <utility>

#include "embed_internal.h"
#include "tarn_abi.h"

namespace tarn {

// The text of runtime/embed.h: one source for the declarations.
static const char* const kEmbedText =
#include "embed_text.inc"
    ;

std::string c_identifier(const std::string& name) {
  std::string out;
  for (char c : name) out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  if (out.empty() || std::isdigit(static_cast<unsigned char>(out[0]))) out.insert(0, "_");
  return out;
}

std::string header_name_fault(const std::string& name) {
  static constexpr std::string_view kOfC[] = {
      "assert", "complex", "ctype",  "errno",    "fenv",   "float",     "inttypes", "iso646", "limits",     "locale",
      "math",   "setjmp",  "signal", "stdalign", "stdarg", "stdatomic", "stdbool",  "stddef", "stdint",     "stdio",
      "stdlib", "string",  "tgmath", "threads",  "time",   "uchar",     "wchar",    "wctype", "stdnoreturn"};
  if (std::find(std::begin(kOfC), std::end(kOfC), name) != std::end(kOfC)) return name + ".h is a header of C";
  if (name == "tarn" || name.rfind("tarn_", 0) == 0) return "names that begin with `tarn_` are the embedding API's";
  return "";
}

static std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// Puts `parts` for {0}, {1}, ...: the templates below stay readable as C.
static std::string fill(const char* pattern, const std::vector<std::string>& parts) {
  std::string out;
  for (const char* p = pattern; *p != 0; ++p) {
    bool is_slot = p[0] == '{' && std::isdigit(static_cast<unsigned char>(p[1])) && p[2] == '}';
    if (is_slot) {
      out += parts[static_cast<size_t>(p[1] - '0')];
      p += 2;
    } else {
      out += *p;
    }
  }
  return out;
}

static const char* c_type(uint32_t dtype) {
  switch (static_cast<tarn_dtype>(dtype)) {
    case TARN_BOOL:
    case TARN_U8:
      return "uint8_t";
    case TARN_I32:
      return "int32_t";
    case TARN_I64:
      return "int64_t";
    case TARN_F32:
      return "float";
    case TARN_F64:
      return "double";
    case TARN_F16:
    case TARN_BF16:
      return "uint16_t";
  }
  return "uint8_t";
}

static std::string type_text(const HeaderTensor& tensor) {
  static const char* const kNames[] = {"bool", "u8", "i32", "i64", "f32", "f64", "f16", "bf16"};
  std::string text = kNames[tensor.dtype <= TARN_BF16 ? tensor.dtype : 0];
  for (size_t axis = 0; axis < tensor.shape.size(); ++axis)
    text += (axis == 0 ? "[" : ",") + std::to_string(tensor.shape[axis]);
  return text + (tensor.shape.empty() ? "" : "]");
}

// "[rows, 28, 28]", or "[4]" without a batch.
static std::string rows_text(const HeaderTensor& tensor) {
  std::string text = "[";
  for (size_t axis = 0; axis < tensor.shape.size(); ++axis) {
    bool is_batch = axis == 0 && tensor.has_batch;
    text += (axis > 0 ? ", " : "") + (is_batch ? "rows" : std::to_string(tensor.shape[axis]));
  }
  return text + "]";
}

// Of one row, or of the whole where there are no rows.
static int64_t row_elements(const HeaderTensor& tensor) {
  int64_t count = 1;
  for (size_t axis = tensor.has_batch ? 1 : 0; axis < tensor.shape.size(); ++axis) count *= tensor.shape[axis];
  return count;
}

static std::string number(double value) {
  char text[40];
  snprintf(text, sizeof text, "%g", value);
  return text;
}

// Text from outside must not end the comment that it stands in.
static std::string comment(std::string text) {
  for (size_t at = text.find("*/"); at != std::string::npos; at = text.find("*/")) text.replace(at, 2, "* /");
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text;
}

static std::string table(const HeaderFacts& facts, tarn_role role, const char* title) {
  std::string text;
  for (const HeaderTensor& tensor : facts.tensors) {
    if (tensor.role != static_cast<uint32_t>(role)) continue;
    std::string line = " *   " + comment(tensor.name);
    line.resize(std::max<size_t>(line.size() + 2, 32), ' ');
    line += type_text(tensor);
    if (role == TARN_HYPER) line += ", default " + number(tensor.initial);
    if (!tensor.doc.empty()) line += "  " + comment(tensor.doc);
    text += line + "\n";
  }
  return text.empty() ? "" : std::string(" *\n * ") + title + "\n" + text;
}

static std::string opening(const HeaderFacts& facts) {
  std::string text = fill("/* {0}: compiled from {1} by tarn {2}, for {3}.  {4}\n",
                          {comment(facts.name), comment(facts.source), comment(facts.version), comment(facts.cpu),
                           facts.link.empty() ? "Link lib" + facts.name + ".a and the C math library." : facts.link});
  text += table(facts, TARN_INPUT, "Inputs, one batch of raw data");
  text += table(facts, TARN_OUTPUT, "Outputs of predict");
  text += table(facts, TARN_METRIC, "Metrics");
  text += table(facts, TARN_HYPER, "Hypers");
  text += table(facts, TARN_PARAM, "Parameters");
  text += table(facts, TARN_STATE, "States");
  return text + " */\n";
}

// What the header defines for a tensor that is called `id` in it.
static std::vector<std::string> names_of(const HeaderFacts& facts, const HeaderTensor& tensor, const std::string& id) {
  std::string name = c_identifier(facts.name), row = upper(name) + "_" + upper(id) + "_ROW";
  if (tensor.role == TARN_INPUT) return {name + "_set_" + id, name + "_" + id + "_memory", row};
  if (tensor.role == TARN_OUTPUT) return {name + "_output_" + id, row};
  if (tensor.role == TARN_METRIC) return {name + "_metric_" + id};
  if (tensor.role == TARN_HYPER) return {name + "_set_hyper_" + id};
  return {};
}

static void add_identifiers(const std::string& text, std::set<std::string>& names) {
  std::string word;
  for (char c : text + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
      word += c;
    } else if (!word.empty()) {
      names.insert(std::exchange(word, ""));
    }
  }
}

// How each tensor is called in the names of its functions: as the model calls it, with a `_` behind where the header
// would have a name twice.  `fixed`: the text of what every header of such a model defines.
static std::vector<std::string> identifiers(const HeaderFacts& facts, const std::string& fixed) {
  std::set<std::string> taken;
  add_identifiers(fixed, taken);
  std::vector<std::string> ids;
  for (const HeaderTensor& tensor : facts.tensors) {
    std::string id = c_identifier(tensor.name);
    auto is_taken = [&] {
      std::vector<std::string> names = names_of(facts, tensor, id);
      return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return taken.count(name) > 0; });
    };
    while (is_taken()) id += '_';
    for (std::string& name : names_of(facts, tensor, id)) taken.insert(std::move(name));
    ids.push_back(std::move(id));
  }
  return ids;
}

static std::string constants(const HeaderFacts& facts, const std::string& prefix) {
  uint64_t head = tarn_instance_head(facts.tensors.size(), facts.arena_alignment);
  std::string text = fill(R"(
/* One instance needs {0}_MEMORY_BYTES of memory at a multiple of {0}_ALIGNMENT; {0}_ARENA_BYTES of it are the arena. */
#define {0}_MEMORY_BYTES {1}
#define {0}_ARENA_BYTES {2}
#define {0}_ALIGNMENT {3}
#define {0}_BATCH {4} /* rows of a batch */
)",
                          {prefix, std::to_string(head + facts.arena_bytes), std::to_string(facts.arena_bytes),
                           std::to_string(facts.arena_alignment), std::to_string(facts.batch)});
  return text;
}

static std::string row_constants(const HeaderFacts& facts, const std::string& prefix,
                                 const std::vector<std::string>& ids) {
  std::string text;
  for (size_t i = 0; i < facts.tensors.size(); ++i) {
    const HeaderTensor& tensor = facts.tensors[i];
    if (tensor.role != TARN_INPUT && tensor.role != TARN_OUTPUT) continue;
    text += fill(tensor.has_batch ? "#define {0}_{1}_ROW {2} /* values in one row of `{3}` */\n"
                                  : "#define {0}_{1}_SIZE {2} /* values of `{3}`, which has no batch */\n",
                 {prefix, upper(ids[i]), std::to_string(row_elements(tensor)), comment(tensor.name)});
  }
  return text;
}

static const char* const kCommon = R"(
extern const struct tarn_program {0}_program;
typedef struct {0}_instance {0}_instance;

/* For the calls that have no wrapper here. */
static inline tarn_instance* {0}_as_tarn(const {0}_instance* m) { return (tarn_instance*)(uintptr_t)m; }

/* Lays an instance out in `memory`; `options` may be NULL.  Then call {0}_init or {0}_load. */
static inline tarn_result {0}_create(const tarn_options* options, void* memory, size_t bytes, {0}_instance** instance) {
  tarn_instance* made = NULL;
  tarn_result result;
  if (instance == NULL) return TARN_ERROR_NULL;
  result = tarn_create(&{0}_program, options, memory, bytes, &made);
  *instance = ({0}_instance*)(void*)made;
  return result;
}

static inline tarn_result {0}_init({0}_instance* m) { return tarn_init({0}_as_tarn(m)); }
static inline tarn_result {0}_reset({0}_instance* m) { return tarn_reset({0}_as_tarn(m)); }
static inline tarn_result {0}_set_rows({0}_instance* m, int64_t rows) { return tarn_set_rows({0}_as_tarn(m), rows); }
static inline tarn_result {0}_set_hyper({0}_instance* m, const char* name, double value) {
  return tarn_set_hyper({0}_as_tarn(m), name, value);
}
static inline tarn_result {0}_get_parameter(const {0}_instance* m, const char* name, void* data, size_t bytes) {
  return tarn_get_parameter({0}_as_tarn(m), name, data, bytes);
}
static inline tarn_result {0}_set_parameter({0}_instance* m, const char* name, const void* data, size_t bytes) {
  return tarn_set_parameter({0}_as_tarn(m), name, data, bytes);
}
static inline tarn_result {0}_save(const {0}_instance* m, tarn_write_function write, void* user) {
  return tarn_save({0}_as_tarn(m), write, user);
}
static inline tarn_result {0}_load({0}_instance* m, tarn_read_function read, void* user, uint64_t file_bytes) {
  return tarn_load({0}_as_tarn(m), read, user, file_bytes);
}
)";

static const char* const kTrain = R"(
/* One optimizer step over the rows that are set; *loss (may be NULL) is their mean loss before the update. */
static inline tarn_result {0}_train_step({0}_instance* m, float* loss) { return tarn_train_step({0}_as_tarn(m), loss); }
static inline tarn_result {0}_set_total_steps({0}_instance* m, int64_t steps) {
  return tarn_set_total_steps({0}_as_tarn(m), steps);
}
static inline tarn_result {0}_set_epoch({0}_instance* m, int64_t epoch) { return tarn_set_epoch({0}_as_tarn(m), epoch); }
static inline tarn_result {0}_step(const {0}_instance* m, int64_t* steps_done) {
  return tarn_step({0}_as_tarn(m), steps_done);
}
)";

static const char* const kEval = R"(
/* Loss and metrics of the rows that are set, in evaluation mode. */
static inline tarn_result {0}_eval_step({0}_instance* m, float* loss) { return tarn_eval_step({0}_as_tarn(m), loss); }
)";

static const char* const kPredict = R"(
/* Runs the model on the rows of {1}; the outputs are read below. */
static inline tarn_result {0}_predict({0}_instance* m) { return tarn_predict({0}_as_tarn(m)); }
)";

static const char* const kInput = R"(
/* `{5}`: {3} values {4}, rows 1..{1}_BATCH. */
static inline tarn_result {0}_set_{2}({0}_instance* m, const {3}* data, size_t rows) {
  if (rows > {1}_BATCH) return TARN_ERROR_SIZE;
  return tarn_set_input({0}_as_tarn(m), {7}, data, rows * {1}_{6}_ROW * sizeof(*data));
}
/* Its place in the instance, to be filled without a copy; then {0}_set_rows. */
static inline {3}* {0}_{2}_memory({0}_instance* m) {
  void* data = NULL;
  return tarn_input_memory({0}_as_tarn(m), {7}, &data) == TARN_OK ? ({3}*)data : NULL;
}
)";

static const char* const kWholeInput = R"(
/* `{5}`: {3} values {4}, all of them. */
static inline tarn_result {0}_set_{2}({0}_instance* m, const {3}* data) {
  return tarn_set_input({0}_as_tarn(m), {7}, data, {1}_{6}_SIZE * sizeof(*data));
}
/* Its place in the instance, to be filled without a copy; then {0}_set_rows. */
static inline {3}* {0}_{2}_memory({0}_instance* m) {
  void* data = NULL;
  return tarn_input_memory({0}_as_tarn(m), {7}, &data) == TARN_OK ? ({3}*)data : NULL;
}
)";

static const char* const kOutput = R"(
/* `{4}` of the last predict: {2} values {3}, valid until the next call; NULL where there is none. */
static inline const {2}* {0}_output_{1}(const {0}_instance* m) {
  const void* data = NULL;
  return tarn_output({0}_as_tarn(m), {5}, &data, NULL) == TARN_OK ? (const {2}*)data : NULL;
}
)";

static const char* const kMetric = R"(
/* `{2}` of the last train or eval step. */
static inline tarn_result {0}_metric_{1}(const {0}_instance* m, float* value) {
  return tarn_metric({0}_as_tarn(m), "{2}", value);
}
)";

static const char* const kHyper = R"(
static inline tarn_result {0}_set_hyper_{1}({0}_instance* m, double value) {
  return tarn_set_hyper({0}_as_tarn(m), "{2}", value);
}
)";

static std::string tensor_functions(const HeaderFacts& facts, const std::string& name, const std::string& prefix,
                                    const std::vector<std::string>& ids) {
  std::string text;
  int input = 0, output = 0;
  for (size_t i = 0; i < facts.tensors.size(); ++i) {
    const HeaderTensor& tensor = facts.tensors[i];
    const std::string& id = ids[i];
    if (tensor.role == TARN_INPUT)
      text += fill(tensor.has_batch ? kInput : kWholeInput, {name, prefix, id, c_type(tensor.dtype), rows_text(tensor),
                                                             comment(tensor.name), upper(id), std::to_string(input++)});
    if (tensor.role == TARN_OUTPUT)
      text += fill(kOutput,
                   {name, id, c_type(tensor.dtype), rows_text(tensor), comment(tensor.name), std::to_string(output++)});
    if (tensor.role == TARN_METRIC) text += fill(kMetric, {name, id, tensor.name});
    if (tensor.role == TARN_HYPER) text += fill(kHyper, {name, id, tensor.name});
  }
  return text;
}

static std::string predict_inputs(const HeaderFacts& facts) {
  std::string flagged, first;
  for (const HeaderTensor& tensor : facts.tensors) {
    if (tensor.role != TARN_INPUT) continue;
    std::string name = "`" + comment(tensor.name) + "`";
    if (first.empty()) first = name;
    if (tensor.used_by_predict) flagged += (flagged.empty() ? "" : ", ") + name;
  }
  return flagged.empty() ? first : flagged;
}

std::string c_header(const HeaderFacts& facts) {
  std::string name = c_identifier(facts.name), prefix = upper(name);
  std::string numbers = constants(facts, prefix), functions = fill(kCommon, {name});
  if (facts.has_train) functions += fill(kTrain, {name});
  if (facts.has_eval) functions += fill(kEval, {name});
  if (facts.has_predict) functions += fill(kPredict, {name, predict_inputs(facts)});
  std::vector<std::string> ids = identifiers(facts, kEmbedText + numbers + functions);
  std::string text = opening(facts);
  text += "#ifndef TARN_MODEL_" + prefix + "_H\n#define TARN_MODEL_" + prefix + "_H\n\n";
  text += "/* ---- The same in the header of every model. */\n\n" + std::string(kEmbedText);
  text += "\n/* ---- This model. */\n" + numbers + row_constants(facts, prefix, ids);
  text += "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n" + functions;
  text += tensor_functions(facts, name, prefix, ids);
  return text + "\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
}

}  // namespace tarn
