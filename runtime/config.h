// tarn_program.config (JSON, written by the compiler) -> RunConfig: where data comes from and how to train.
//
//   {"model": "mlp", "source": "mnist.tarn",
//    "data": {                                 absent: the model has no data (then `train` and `eval` say so)
//      "name": "mnist", "format": "idx" | "cifar" | "csv" | "npy" | "text",
//      "train": "train-*",                     file or shell pattern inside --data; csv: one file; npy: not used
//      "test": "t10k-*" | 0.2,                 optional: files, or a fraction of the training rows
//      "valid": 0.2 | "valid-*",               optional, likewise
//      "split_seed": 0,                        optional: chooses the rows that fractions take
//      "header": "auto" | true | false,        csv, optional; "auto" by default
//      "separator": ",",                       csv, optional: found out by default (`,` `;` or tab)
//      "missing": "mean" | "median" | "drop" | 0.0,   csv, optional: missing cells; an error by default
//      "window": 64,                           text: characters of a row
//      "inputs": [                             one per TARN_INPUT that is fed from data
//        {"tensor": "images", "source": "images"},                          idx: the file of rank >= 2
//        {"tensor": "labels", "source": "labels", "classes": 10},           idx: of rank 1; cifar has the same two
//        {"tensor": "tokens", "source": "tokens", "classes": 65},           text: windows; "next": the characters after
//        {"tensor": "x", "source": "cols", "first": 0, "last": 4},          csv: columns [first, last)
//        {"tensor": "x", "source": "cols", "names": ["width", "height"]},   csv: columns by the header's names
//        {"tensor": "y", "source": "cols", "first": 4, "last": 5, "classes": 3},  csv: class codes
//        {"tensor": "x", "source": "x.npy", "test_source": "xt.npy", "valid_source": "xv.npy"}]},  npy: files
//    "train": {                                absent: the model is not trained
//      "epochs": 10, "shuffle": true, "seed": 1, "metrics": ["accuracy"],
//      "steps": 2000,                        optional: the length of the run in place of epochs
//      "evaluate": {"every": 250, "unit": "epoch" | "step"},   optional, every epoch by default
//      "early_stop": {                         optional
//        "metric": "accuracy" | "loss" | .., "split": "valid" | "train" | "test", "patience": 3,
//        "keep": "best" | "last",              optional, "last" by default
//        "mode": "max" | "min"},               optional: "max" for accuracies, "min" for all else
//      "checkpoint": {"every": 1, "unit": "epoch" | "step", "keep": 3}}}   optional
//
// Unknown keys are ignored, so that a newer compiler may say more.  The number of rows of a fraction f of n rows is
// floor(f * n); which rows is drawn from a fixed key, the same for every seed (data/data.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "result.h"

namespace tarn::runtime {

enum class DataFormat { Idx, Csv, Npy, Cifar, Text };

struct InputConfig {
  std::string tensor, source, test_source, valid_source;
  int64_t first = 0, last = 0;
  std::vector<std::string> names;
  int64_t classes = 0;  // 0: plain numbers
};

// Files that fit a pattern, or a fraction of the training rows, or (both empty) nothing.
struct SplitConfig {
  std::string pattern;
  double fraction = 0;
  bool exists() const { return !pattern.empty() || fraction > 0; }
};

// What stands in for a missing cell.
struct MissingConfig {
  enum class How { Error, Drop, Mean, Median, Value } how = How::Error;
  double value = 0;
};

struct DataConfig {
  std::string name;
  DataFormat format = DataFormat::Idx;
  std::string train;
  SplitConfig test, valid;
  int64_t split_seed = 0;
  enum class Header { Auto, Yes, No } header = Header::Auto;
  char separator = 0;  // 0: found out
  MissingConfig missing;
  int64_t window = 0;
  std::vector<InputConfig> inputs;
};

struct EarlyStopConfig {
  std::string metric, split;
  int64_t patience = 0;
  bool keep_best = false;
  bool larger_is_better = false;
};

// At the end of every so many epochs, or steps.
struct Interval {
  int64_t every = 1;
  bool by_step = false;
};

struct CheckpointConfig : Interval {
  int64_t keep = 1;
};

struct TrainConfig {
  int64_t epochs = 1;
  int64_t steps = 0;  // 0: as many as epochs have
  Interval evaluate;
  bool shuffle = true;
  int64_t seed = 1;
  std::optional<EarlyStopConfig> early_stop;
  std::optional<CheckpointConfig> checkpoint;
};

struct RunConfig {
  std::string source;
  std::optional<DataConfig> data;
  std::optional<TrainConfig> train;
};

Result<RunConfig> parse_config(const char* text);

}  // namespace tarn::runtime
