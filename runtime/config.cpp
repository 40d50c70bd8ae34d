// tarn_program.config (JSON, written by the compiler) -> RunConfig.
#include "config.h"

#include <nlohmann/json.hpp>

#include "text.h"

namespace tarn::runtime {

using Json = nlohmann::json;

// A typed look at one object; the first wrong type is kept as the error.
class Object {
 public:
  Object(const Json& json, const char* where, std::string& error) : json_(json), where_(where), error_(error) {}
  const Json* find(const char* key) const {
    auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  std::string text(const char* key, const char* otherwise) {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (const auto* string = value->get_ptr<const Json::string_t*>()) return *string;
    wrong(key, "a string");
    return otherwise;
  }
  int64_t integer(const char* key, int64_t otherwise, int64_t least) {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    int64_t number = value->is_number_integer() ? value->get<int64_t>() : least - 1;
    if (number < least) wrong(key, format("an integer of at least %lld", static_cast<long long>(least)).c_str());
    return number;
  }
  bool boolean(const char* key, bool otherwise) {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) wrong(key, "true or false");
    return value->is_boolean() ? value->get<bool>() : otherwise;
  }
  SplitConfig split(const char* key) {
    SplitConfig split;
    const Json* value = find(key);
    if (value == nullptr) return split;
    if (value->is_string())
      split.pattern = value->get<std::string>();
    else if (value->is_number())
      split.fraction = value->get<double>();
    if (!value->is_string() && !(value->is_number() && split.fraction >= 0 && split.fraction < 1))
      wrong(key, "a file pattern or a fraction below 1");
    return split;
  }
  MissingConfig missing(const char* key) {
    using How = MissingConfig::How;
    const Json* value = find(key);
    if (value == nullptr) return {};
    if (value->is_number()) return {How::Value, value->get<double>()};
    for (auto [name, how] : {std::pair("mean", How::Mean), {"median", How::Median}, {"drop", How::Drop}})
      if (*value == name) return {how, 0};
    wrong(key, "mean, median, drop or a number");
    return {};
  }
  void wrong(const char* key, const char* expected) {
    if (error_.empty()) error_ = format("the program's config: `%s.%s` is not %s", where_, key, expected);
  }

 private:
  const Json& json_;
  const char* where_;
  std::string& error_;
};

static InputConfig read_input(const Json& json, std::string& error) {
  Object object(json, "data.inputs", error);
  InputConfig input;
  input.tensor = object.text("tensor", "");
  input.source = object.text("source", "");
  input.test_source = object.text("test_source", "");
  input.valid_source = object.text("valid_source", "");
  input.first = object.integer("first", 0, 0);
  input.last = object.integer("last", 0, 0);
  input.classes = object.integer("classes", 0, 1);
  if (const Json* names = object.find("names")) {
    if (!names->is_array()) object.wrong("names", "a list of strings");
    for (const Json& name : *names) {
      if (name.is_string())
        input.names.push_back(name.get<std::string>());
      else
        object.wrong("names", "a list of strings");
    }
  }
  return input;
}

// Where inputs name files of a split, it is there, whether the data block says so too or not.
static void take_split_files(SplitConfig& split, const DataConfig& data, std::string InputConfig::* source,
                             const char* name, std::string& error) {
  for (const InputConfig& input : data.inputs) {
    const std::string& file = input.*source;
    if (file.empty()) continue;
    if (split.fraction > 0 && error.empty())
      error = format(
          "data `%s`: `%s` is a fraction of the training rows, %g, and also the file `%s` of input `%s`: say "
          "one of the two",
          data.name.c_str(), name, split.fraction, file.c_str(), input.tensor.c_str());
    if (split.pattern.empty()) split.pattern = file;
  }
}

static DataConfig read_data(const Json& json, std::string& error) {
  Object object(json, "data", error);
  DataConfig data;
  data.name = object.text("name", "data");
  std::string kind = object.text("format", "");
  static const std::pair<const char*, DataFormat> kFormats[] = {{"idx", DataFormat::Idx},
                                                                {"csv", DataFormat::Csv},
                                                                {"npy", DataFormat::Npy},
                                                                {"cifar", DataFormat::Cifar},
                                                                {"text", DataFormat::Text}};
  bool is_known = false;
  for (const auto& [name, format] : kFormats) {
    if (kind != name) continue;
    data.format = format;
    is_known = true;
  }
  if (!is_known) object.wrong("format", "one of idx, csv, npy, cifar, text");
  data.train = object.text("train", "");
  data.test = object.split("test");
  data.valid = object.split("valid");
  data.split_seed = object.integer("split_seed", 0, 0);
  if (const Json* header = object.find("header")) {
    using Header = DataConfig::Header;
    if (header->is_boolean())
      data.header = header->get<bool>() ? Header::Yes : Header::No;
    else if (*header != "auto")
      object.wrong("header", "true, false or \"auto\"");
  }
  data.missing = object.missing("missing");
  data.window = object.integer("window", data.format == DataFormat::Text ? 0 : 1, 1);
  std::string separator = object.text("separator", "");
  if (separator.size() > 1) object.wrong("separator", "one character");
  if (!separator.empty()) data.separator = separator[0];
  if (const Json* inputs = object.find("inputs")) {
    if (!inputs->is_array())
      object.wrong("inputs", "a list");
    else
      for (const Json& input : *inputs) data.inputs.push_back(read_input(input, error));
  }
  take_split_files(data.test, data, &InputConfig::test_source, "test", error);
  take_split_files(data.valid, data, &InputConfig::valid_source, "valid", error);
  return data;
}

static EarlyStopConfig read_early_stop(const Json& json, std::string& error) {
  Object object(json, "train.early_stop", error);
  EarlyStopConfig stop;
  stop.metric = object.text("metric", "loss");
  stop.split = object.text("split", "valid");
  stop.patience = object.integer("patience", 1, 0);
  stop.keep_best = object.text("keep", "last") == "best";
  std::string mode = object.text("mode", stop.metric.find("accuracy") != std::string::npos ? "max" : "min");
  stop.larger_is_better = mode == "max";
  if (mode != "max" && mode != "min") object.wrong("mode", "max or min");
  if (stop.split != "valid" && stop.split != "train" && stop.split != "test")
    object.wrong("split", "one of valid, train, test");
  return stop;
}

static void read_interval(Object& object, Interval& interval) {
  interval.every = object.integer("every", 1, 1);
  std::string unit = object.text("unit", "epoch");
  interval.by_step = unit == "step";
  if (unit != "step" && unit != "epoch") object.wrong("unit", "epoch or step");
}

static CheckpointConfig read_checkpoint(const Json& json, std::string& error) {
  Object object(json, "train.checkpoint", error);
  CheckpointConfig checkpoint;
  read_interval(object, checkpoint);
  checkpoint.keep = object.integer("keep", 1, 1);
  return checkpoint;
}

static TrainConfig read_train(const Json& json, std::string& error) {
  Object object(json, "train", error);
  TrainConfig train;
  train.epochs = object.integer("epochs", 1, 0);
  train.steps = object.integer("steps", 0, 0);
  if (const Json* evaluate = object.find("evaluate")) {
    Object interval(*evaluate, "train.evaluate", error);
    read_interval(interval, train.evaluate);
  }
  train.shuffle = object.boolean("shuffle", true);
  train.seed = object.integer("seed", 1, INT64_MIN + 1);
  if (const Json* stop = object.find("early_stop")) train.early_stop = read_early_stop(*stop, error);
  if (const Json* checkpoint = object.find("checkpoint")) train.checkpoint = read_checkpoint(*checkpoint, error);
  return train;
}

Result<RunConfig> parse_config(const char* text) {
  RunConfig config;
  if (text == nullptr || *text == 0) return config;
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Error{"the program's config is not JSON"};
  std::string error;
  Object object(json, "config", error);
  config.source = object.text("source", "");
  if (const Json* data = object.find("data")) config.data = read_data(*data, error);
  if (const Json* train = object.find("train")) config.train = read_train(*train, error);
  if (!error.empty()) return Error{error};
  return config;
}

}  // namespace tarn::runtime
