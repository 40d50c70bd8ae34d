// The features of the runtime in programs that the compiler made, with one thread and with several.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

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

static std::string npy(const std::string& descr, const std::string& shape, const std::string& data) {
  std::string dict = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }\n";
  std::string head("\x93NUMPY\x01\0", 8);
  return head + static_cast<char>(dict.size() & 255) + static_cast<char>(dict.size() >> 8) + dict + data;
}

template <typename T>
static std::string bytes_of(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// Of a file that a program wrote: what stands behind its header, of the shape that it says.
static std::vector<float> floats_of(const std::string& file, const std::string& shape) {
  CHECK_MESSAGE(file.find("'shape': (" + shape + ")") != std::string::npos, file.substr(0, 120));
  size_t start = file.find('\n') + 1;
  std::vector<float> values((file.size() - start) / sizeof(float));
  std::memcpy(values.data(), file.data() + start, values.size() * sizeof(float));
  return values;
}

TEST_CASE("predict writes each output as what it is: rows, several entries a row, or one for all") {
  Workplace here;
  here.write("m.tarn",
             "model m(x: f32[B,2,3], z: f32[4], y: class[3][B]) ="
             " (x * 2 |> reshape[B*2, 3], z + 1, float(one_hot(y)), x + sum(z))\n");
  REQUIRE(here.tarn("build m.tarn -o m --batch 4").exit_code == 0);
  std::vector<float> x(7 * 6), z = {1, 2, 3, 4};
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  here.write("x.npy", npy("<f4", "7, 2, 3", bytes_of(x)));
  here.write("z.npy", npy("<f4", "4,", bytes_of(z)));
  here.write("y.npy", npy("<i8", "7,", bytes_of(std::vector<int64_t>{0, 1, 2, 2, 1, 0, 1})));
  std::string words =
      "./m predict --input x=x.npy --input z=z.npy --output output.1=1.npy --output output.2=2.npy "
      "--output output.3=3.npy --output output.4=4.npy --input y=";
  for (std::string threads : {"1", "2", "3"}) {
    CommandResult ran = here.shell(words + "y.npy --threads " + threads);
    REQUIRE_MESSAGE(ran.exit_code == 0, ran.output);
    std::vector<float> doubled = floats_of(here.read("1.npy"), "14, 3"),
                       moved = floats_of(here.read("4.npy"), "7, 2, 3");
    REQUIRE(doubled.size() == x.size());
    REQUIRE(moved.size() == x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      CHECK(doubled[i] == 2 * x[i]);
      CHECK(moved[i] == x[i] + 10);
    }
    CHECK(floats_of(here.read("2.npy"), "4,") == std::vector<float>{2, 3, 4, 5});
    std::vector<float> hot = floats_of(here.read("3.npy"), "7, 3");
    REQUIRE(hot.size() == 21);
    CHECK(std::vector<float>(hot.begin() + 6, hot.begin() + 9) == std::vector<float>{0, 0, 1});
  }
  for (int64_t wrong : {int64_t{3}, int64_t{-1}}) {
    here.write("bad.npy", npy("<i8", "7,", bytes_of(std::vector<int64_t>{0, 1, 2, wrong, 1, 0, 1})));
    CommandResult ran = here.shell(words + "bad.npy");
    CHECK(ran.exit_code == 1);
    CHECK(ran.output.find("bad.npy: row 3: label " + std::to_string(wrong) + " is not one of the 3 classes 0..2") !=
          std::string::npos);
  }
  here.write("bad.npy", npy("<f4", "5,", bytes_of(std::vector<float>(5))));
  CHECK(here.shell("./m predict --input z=bad.npy --output 1.npy").output ==
        "m: error: bad.npy: shape [5], but input `z` takes [4]\n");
  // The batch is that of the inputs that have it.
  REQUIRE(here.tarn("build m.tarn --emit=lib -o m --batch 4").exit_code == 0);
  CHECK(here.read("m.h").find("#define M_BATCH 4 ") != std::string::npos);
  CHECK(here.read("m.h").find("#define M_Z_SIZE 4 ") != std::string::npos);
}

TEST_CASE("a file without a name is for the input that predict reads") {
  CHECK(run("./net train --save s --quiet").exit_code == 0);
  workplace().write("x.npy", npy("<f4", "3, 6", bytes_of(std::vector<float>(18, 0.5F))));
  CommandResult ran = run("./net predict --load s --input x.npy --output out.npy");
  CHECK_MESSAGE(ran.exit_code == 0, ran.output);
  CHECK(floats_of(workplace().read("out.npy"), "3, 3").size() == 9);
}

TEST_CASE("losses and metrics of f64 are reported in full") {
  Workplace here;
  here.write("m.tarn", R"(
data d = csv("p.csv") { x: f64[1] = cols[0..1]; y: f64[1] = cols[1..2] }
model m(x: f64[B,1]) -> f64[B,1] { param w: f64[1] = zeros; return x * w }
train m on d { loss = mean((m(x) - y)^2); metric far = mean(y); optimizer = sgd(0.0); epochs = 1; batch = 2 }
)");
  // 1e200 is no f32; the squares are no f32 either.
  here.write("p.csv", "1,1e100\n1,3e100\n");
  REQUIRE(here.tarn("build m.tarn -o m").exit_code == 0);
  for (std::string threads : {"1", "2", "3"}) {
    CommandResult ran = here.shell("./m train --log l.jsonl --save s --threads " + threads);
    REQUIRE_MESSAGE(ran.exit_code == 0, ran.output);
    CHECK_MESSAGE(here.read("l.jsonl").find("\"far\":2e+100") != std::string::npos, here.read("l.jsonl"));
    CHECK_MESSAGE(here.read("l.jsonl").find("e+200,\"far\"") != std::string::npos, here.read("l.jsonl"));  // the loss
  }
}

}  // namespace tarn
