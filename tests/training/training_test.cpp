// Programs learn what they should, to the bit the same however they are run.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/driver/command.h"

namespace tarn {

static const std::string kExamples = TARN_SOURCE_DIR "/examples/";

// The real data sets, where they are at hand: $TARN_DATA, or ../shared/data beside the checkout.
static std::string data_directory(const std::string& name) {
  const char* chosen = std::getenv("TARN_DATA");
  std::string directory = (chosen ? std::string(chosen) : TARN_SOURCE_DIR "/../shared/data") + "/" + name;
  return access(directory.c_str(), R_OK) == 0 ? directory : "";
}

static bool skip_without(const std::string& directory, const char* what) {
  if (directory.empty()) std::printf("SKIPPED: no %s here; set TARN_DATA to the directory of data sets\n", what);
  return directory.empty();
}

static void build(const Workplace& here, const std::string& model) {
  CommandResult built = here.tarn("build " + kExamples + model + ".tarn -o " + model);
  REQUIRE_MESSAGE(built.exit_code == 0, built.output);
}

// The percentage after the last `accuracy ` of the line that begins with `label`.
static double accuracy_of(const std::string& output, const std::string& label) {
  size_t line = output.rfind("\n" + label);
  REQUIRE_MESSAGE(line != std::string::npos, output);
  size_t at = output.find("accuracy ", output.find(label, line));
  REQUIRE_MESSAGE(at != std::string::npos, output);
  return std::atof(output.c_str() + at + 9);
}

TEST_CASE("made digits: learned, and the same weights for any thread count and after kill -9") {
  Workplace here;
  build(here, "digits");
  REQUIRE(here.shell(TARN_MAKE_DIGITS " data --train 3000 --test 500").exit_code == 0);
  CommandResult once = here.shell("./digits train --data data --threads 1 --save one.safetensors");
  REQUIRE_MESSAGE(once.exit_code == 0, once.output);
  CHECK(accuracy_of(once.output, "test:") >= 90);
  CommandResult twice = here.shell("./digits train --data data --threads 2 --save two.safetensors");
  REQUIRE_MESSAGE(twice.exit_code == 0, twice.output);
  CHECK(here.shell("cmp one.safetensors two.safetensors").exit_code == 0);
  // Killed once the first epoch is saved, then resumed.
  CommandResult killed = here.shell(
      "./digits train --data data --save three.safetensors & pid=$!\n"
      "while [ ! -e three.safetensors ]; do sleep 0.01; done; kill -9 $pid; wait $pid\n"
      "./digits train --data data --resume three.safetensors --save three.safetensors && cmp one.safetensors "
      "three.safetensors");
  CHECK_MESSAGE(killed.exit_code == 0, killed.output);
}

TEST_CASE("MNIST: 97 % on the test images after ten epochs, by any number of threads") {
  std::string data = data_directory("mnist");
  if (skip_without(data, "MNIST")) return;
  Workplace here;
  build(here, "mnist");
  CommandResult one = here.shell("./mnist train --seed 1 --threads 1 --save one.safetensors --data " + data);
  REQUIRE_MESSAGE(one.exit_code == 0, one.output);
  CHECK(accuracy_of(one.output, "test:") >= 97.0);
  CommandResult two = here.shell("./mnist train --seed 1 --threads 2 --save two.safetensors --data " + data);
  REQUIRE_MESSAGE(two.exit_code == 0, two.output);
  CHECK(here.shell("cmp one.safetensors two.safetensors").exit_code == 0);
}

TEST_CASE("iris: 95 % of the flowers held out, on average over five splits") {
  std::string data = data_directory("tabular");
  if (skip_without(data, "iris")) return;
  Workplace here;
  double sum = 0;
  for (int split = 0; split < 5; ++split) {
    std::string seed = std::to_string(split);
    CommandResult made = here.shell("sed 's/valid = 0.2/valid = 0.2, split_seed = " + seed + "/' " + kExamples +
                                    "iris.tarn > iris.tarn && " TARN_COMMAND " build iris.tarn -o iris");
    REQUIRE_MESSAGE(made.exit_code == 0, made.output);
    CommandResult trained = here.shell("./iris train --data " + data);
    REQUIRE_MESSAGE(trained.exit_code == 0, trained.output);
    size_t valid = trained.output.rfind("valid:");
    REQUIRE(valid != std::string::npos);
    sum += std::atof(trained.output.c_str() + trained.output.find("accuracy ", valid) + 9);
  }
  CAPTURE(sum / 5);
  CHECK(sum / 5 >= 95);
}

}  // namespace tarn
