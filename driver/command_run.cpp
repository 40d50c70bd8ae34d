// tarn run: builds the program into a directory of its own and trains it.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "driver/files.h"
#include "driver/options.h"

namespace tarn {

int run_run(const RunOptions& options) {
  // Kept between runs, beside the model's own outputs: the program is what a user may want to run again.
  std::string directory = ".tarn";
  if (mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST) {
    fmt::print(stderr, "tarn: error: cannot make directory `{}`: {}\n", directory, std::strerror(errno));
    return kExitDiagnostics;
  }
  BuildOptions build;
  build.compile = options.compile;
  build.output = fmt::format("{}/{}", directory, identifier_of(stem_of(options.compile.input)));
  if (int code = run_build(build); code != kExitOk) return code;
  std::vector<std::string> words = {build.output, "train"};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::fflush(nullptr);
  execv(arguments[0], arguments.data());
  fmt::print(stderr, "tarn: error: cannot run `{}`: {}\n", build.output, std::strerror(errno));
  return kExitDiagnostics;
}

}  // namespace tarn
