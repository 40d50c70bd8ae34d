// The program's config: every field, and errors that name the field.
#include <doctest/doctest.h>

#include "config.h"

using namespace tarn::runtime;

TEST_CASE("an empty config has neither data nor training") {
  for (const char* text : {"", "{}", "{\"data\": null}"}) {
    Result<RunConfig> config = parse_config(text);
    REQUIRE(config);
    CHECK_FALSE(config->data);
    CHECK_FALSE(config->train);
  }
}

TEST_CASE("every field is read") {
  Result<RunConfig> config = parse_config(R"({"source": "m.tarn",
    "data": {"name": "d", "format": "csv", "train": "a.csv", "test": "b.csv", "valid": 0.25, "header": true,
             "separator": ";", "inputs": [{"tensor": "x", "source": "cols", "names": ["p", "q"]}]},
    "train": {"epochs": 7, "steps": 90, "evaluate": {"every": 30, "unit": "step"}, "shuffle": false, "seed": -3,
              "early_stop": {"metric": "loss", "split": "train", "patience": 2, "keep": "best"},
              "checkpoint": {"every": 100, "unit": "step", "keep": 2}}})");
  REQUIRE(config);
  CHECK(config->data->test.pattern == "b.csv");
  CHECK(config->data->valid.fraction == 0.25);
  CHECK(config->data->header == DataConfig::Header::Yes);
  CHECK(config->data->separator == ';');
  CHECK(config->data->inputs[0].names == std::vector<std::string>{"p", "q"});
  CHECK(config->train->epochs == 7);
  CHECK(config->train->steps == 90);
  CHECK(config->train->evaluate.every == 30);
  CHECK(config->train->evaluate.by_step);
  CHECK_FALSE(config->train->shuffle);
  CHECK(config->train->seed == -3);
  CHECK_FALSE(config->train->early_stop->larger_is_better);
  CHECK(config->train->early_stop->keep_best);
  CHECK(config->train->checkpoint->by_step);
  CHECK(config->train->checkpoint->keep == 2);
}

TEST_CASE("files of a split say that there is one") {
  auto parse = [](const std::string& valid) {
    return parse_config((R"({"data": {"format": "npy", )" + valid +
                         R"("inputs": [{"tensor": "x", "source": "x.npy", "valid_source": "xv.npy"}]}})")
                            .c_str());
  };
  CHECK(parse("")->data->valid.exists());
  CHECK_FALSE(parse("")->data->test.exists());
  CHECK(parse(R"("valid": "v-*", )")->data->valid.pattern == "v-*");
  CHECK(
      parse(R"("valid": 0.2, )").error().message.find("and also the file `xv.npy` of input `x`: say one of the two") !=
      std::string::npos);
}

TEST_CASE("a wrong field is named") {
  auto error = [](const char* text) {
    Result<RunConfig> config = parse_config(text);
    return config ? std::string() : config.error().message;
  };
  CHECK(error("nonsense").find("not JSON") != std::string::npos);
  CHECK(error(R"({"data": {"format": "xml"}})").find("`data.format`") != std::string::npos);
  CHECK(error(R"({"data": {"format": "idx", "valid": 1.5}})").find("`data.valid`") != std::string::npos);
  CHECK(error(R"({"train": {"epochs": "many"}})").find("`train.epochs`") != std::string::npos);
  CHECK(error(R"({"train": {"early_stop": {"split": "all"}}})").find("`train.early_stop.split`") != std::string::npos);
}
