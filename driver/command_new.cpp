// tarn new: a small model file to start from.
#include <fmt/format.h>
#include <unistd.h>

#include "driver/files.h"
#include "driver/options.h"

namespace tarn {

// {0}: the model's name.
static constexpr std::string_view kTemplate = R"(// {0}.tarn: a small classifier.  Build and train it:
//   tarn build {0}.tarn -o {0} && ./{0} train --data DIRECTORY
// where DIRECTORY holds {0}.csv: four columns of numbers and one of class names.  The language: docs/language.md

hyper lr = 0.01

data d = csv("{0}.csv", valid = 0.2) {{
  x: f32[4] = cols[0..4]
  y: class[3] = cols[4]
}}

model {0}(x: f32[B,4]) -> f32[B,3] = x |> dense[16] as hidden |> relu |> dense[3] as out

train {0} on d {{
  loss = cross_entropy({0}(x), y)
  metric accuracy = accuracy({0}(x), y)
  optimizer = adam(lr)
  epochs = 100
  batch = 16
  shuffle
  seed = 1
}}
)";

int run_new(const NewOptions& options) {
  std::string path = options.name.ends_with(".tarn") ? options.name : options.name + ".tarn";
  std::string name = identifier_of(stem_of(path));
  if (access(path.c_str(), F_OK) == 0) {
    fmt::print(stderr, "tarn: error: `{}` is there already; choose another name\n", path);
    return kExitDiagnostics;
  }
  if (std::optional<Error> error = write_file(path, fmt::format(kTemplate, name))) {
    fmt::print(stderr, "tarn: error: {}\n", error->message);
    return kExitDiagnostics;
  }
  fmt::print("{} is written; now: tarn build {} -o {}\n", path, path, name);
  return kExitOk;
}

}  // namespace tarn
