// Records of the module to the JSON that the runtime reads.
#include <nlohmann/json.hpp>

#include "codegen/program/build_program.h"

namespace tarn {

using Json = nlohmann::ordered_json;

static Json json_of(const Attrs& attrs) {
  Json json = Json::object();
  for (const auto& [key, value] : attrs) {
    std::visit([&](const auto& held) { json[key] = held; }, value);
  }
  return json;
}

std::string config_json(const Module& module) {
  Json config;
  config["model"] = module.name;
  if (const Record* model = module.find_record("model")) {
    Attrs attrs = model->attrs;
    attrs.erase("batch");  // in the program's table
    config.update(json_of(attrs));
  }
  if (const Record* data = module.find_record("data")) {
    config["data"] = json_of(data->attrs);
    config["data"]["name"] = data->name;
    config["data"]["inputs"] = Json::array();
    for (const Record& record : module.records) {
      if (record.kind != "input") continue;
      Json input = json_of(record.attrs);
      input["tensor"] = record.name;
      config["data"]["inputs"].push_back(std::move(input));
    }
  }
  if (const Record* train = module.find_record("train")) {
    config["train"] = json_of(train->attrs);
    for (const char* part : {"evaluate", "early_stop", "checkpoint"}) {
      if (const Record* record = module.find_record(part)) config["train"][part] = json_of(record->attrs);
    }
  }
  return config.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tarn
