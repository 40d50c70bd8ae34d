// The features of the runtime in programs that the compiler made, with one thread and with several.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <string>

#include "tests/driver/command.h"

namespace tarn {

// A product that is shared among threads, and a loop over time.
static const char* const kModel = R"(
hyper lr = 0.1
hyper scale = 1
data d = csv("points.csv", valid = 0.2) { x: f32[6] = cols[0..6]; y: class[3] = cols[6] }
model net(x: f32[B,6]) -> f32[B,3] =
  x |> dense[256] as wide |> tanh |> dense[6] |> reshape[B, 3, 2] |> lstm[16] as memory |> mean(over = 1) |> dense[3] as out
train net on d {
  loss = cross_entropy(net(x), y) * (1 + log(scale))
  metric accuracy = accuracy(net(x), y)
  optimizer = adam(lr = 0.01)
  epochs = 3
  batch = 32
  shuffle
  seed = 1
}
)";

static std::string points(int rows) {
  std::string text;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < 6; ++column) text += std::to_string(std::sin(row * 7 + column * row % 5)) + ",";
    text += std::to_string(row % 3) + "\n";
  }
  return text;
}

// One program for all cases: building it takes longer than running it.
static const Workplace& workplace() {
  static const Workplace here;
  static bool is_built = false;
  if (is_built) return here;
  here.write("net.tarn", kModel);
  here.write("points.csv", points(200));
  CommandResult built = here.tarn("build net.tarn -o net");
  REQUIRE_MESSAGE(built.exit_code == 0, built.output);
  is_built = true;
  return here;
}

// A run that takes a second at most; one that hangs is an exit code of 124.
static CommandResult run(const std::string& words) {
  return workplace().shell("timeout -k 1 60 " + words);
}

static int64_t count(const std::string& text, const std::string& part) {
  int64_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_CASE("--profile: the same kernels, as often, for any number of threads") {
  int64_t kernels = 0;
  for (std::string threads : {"1", "2", "3"}) {
    CAPTURE(threads);
    CommandResult ran = run("./net train --profile trace.json --save traced --threads " + threads);
    REQUIRE_MESSAGE(ran.exit_code == 0, ran.output);
    std::string trace = workplace().read("trace.json");
    CHECK(count(trace, "\"name\":\"train_step\",\"cat\":\"entry\"") == 15);
    int64_t seen = count(trace, "\"cat\":\"kernel\"");
    CHECK(seen > 15 * 10);
    if (threads == "1") kernels = seen;
    CHECK(seen == kernels);
  }
  // Being looked at changes nothing.
  REQUIRE(run("./net train --save plain --threads 2").exit_code == 0);
  CHECK(workplace().read("plain") == workplace().read("traced"));
}

TEST_CASE("the search for the op that made a loss infinite finds the same with any number of threads") {
  std::string first;
  for (std::string threads : {"1", "2", "3"}) {
    for (std::string profile : {"", " --profile trace.json"}) {
      CAPTURE(threads);
      CommandResult ran = run("./net train --quiet --scale 0 --threads " + threads + profile);
      CHECK(ran.exit_code == 3);
      CHECK(ran.output.find("\n    log at net.tarn:8:42\n") != std::string::npos);
      if (first.empty()) first = ran.output;
      CHECK(ran.output == first);
    }
  }
}

}  // namespace tarn
