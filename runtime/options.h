// The program's command line -> Options.  Commands: train, eval, predict, info; one flag per hyper of the model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "result.h"
#include "tarn_abi.h"

namespace tarn::runtime {

struct Options {
  std::string command;
  bool help = false;
  bool quiet = false;
  std::string data = ".";
  std::string save, resume, load, log, profile, split;
  std::vector<std::string> input, output;  // FILE or NAME=FILE
  std::vector<std::string> positional;
  std::optional<int64_t> epochs, steps, seed, threads;
  std::vector<std::pair<const tarn_tensor*, double>> hypers;
};

// A wrong command line is an error with exit code kUsage and, where something is near, a did-you-mean.
Result<Options> parse_options(const tarn_program& program, int argc, const char* const* argv);

// The help text of a command; "" for the program's.
std::string help_text(const tarn_program& program, const std::string& command);

}  // namespace tarn::runtime
