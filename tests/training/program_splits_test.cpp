// Validation data, metrics and results of programs that the compiler made.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tests/driver/command.h"

namespace tarn {

// Validation files are named by the inputs alone; the metric that early stopping watches is never a number.
static const char* const kModel = R"(
data d = npy() { x: f32[4] = file("x.npy", valid = "xv.npy"); y: class[3] = file("y.npy", valid = "yv.npy") }
model net(x: f32[B,4]) -> f32[B,3] = x |> dense[3]
train net on d {
  loss = cross_entropy(net(x), y)
  metric undefined = log(accuracy(net(x), y) - 2)
  optimizer = sgd(0.1)
  epochs = 40
  batch = 4
  seed = 1
  early_stop undefined(valid) patience 3 keep best
}
)";

template <typename T>
static std::string npy(const std::string& type, const std::string& shape, const std::vector<T>& values) {
  std::string dict = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  std::string bytes = "\x93NUMPY";
  bytes += {'\1', '\0', static_cast<char>(dict.size()), '\0'};
  bytes += dict;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return bytes;
}

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("validation files of the inputs are used; NaN in a metric or in a row neither hides nor runs on") {
  Workplace here;
  here.write("net.tarn", kModel);
  std::vector<float> x(40), xv(20);
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i));
  for (size_t i = 0; i < xv.size(); ++i) xv[i] = std::cos(static_cast<float>(i));
  here.write("x.npy", npy("<f4", "(10, 4)", x));
  here.write("y.npy", npy<uint8_t>("|u1", "(10,)", {0, 1, 2, 0, 1, 2, 0, 1, 2, 0}));
  here.write("xv.npy", npy("<f4", "(5, 4)", xv));
  here.write("yv.npy", npy<uint8_t>("|u1", "(5,)", {0, 1, 2, 0, 1}));
  CommandResult built = here.tarn("build net.tarn -o net");
  REQUIRE_MESSAGE(built.exit_code == 0, built.output);

  CommandResult ran = here.shell("./net train");
  CAPTURE(ran.output);
  CHECK(ran.exit_code == 0);
  CHECK(contains(ran.output, "10 rows to train on, 5 to validate"));
  CHECK(contains(ran.output, "undefined nan"));
  CHECK_FALSE(contains(ran.output, "-nan"));
  CHECK(contains(ran.output, "no finite value of undefined for 3 epochs: stopping early"));
  // What is said at the end is what the saved weights are worth, and quiet says that.
  std::string result = here.shell("./net eval --split valid").output;
  CHECK(result.find("valid: loss ") == 0);
  CHECK(contains(ran.output, "\n" + result));
  CHECK(here.shell("./net train --quiet").output == result);
  // A run that was stopped goes on counting.
  CHECK(here.shell("./net train --quiet --epochs 2 --save part && ./net train --resume part --epochs 40")
            .output.find("for 3 epochs: stopping early") != std::string::npos);

  for (float bad : {std::nanf(""), INFINITY}) {
    xv[2 * 4 + 1] = bad;
    here.write("xv.npy", npy("<f4", "(5, 4)", xv));
    CommandResult refused = here.shell("./net train --save m");
    CAPTURE(refused.output);
    CHECK(refused.exit_code == 3);
    CHECK(contains(refused.output, std::string("the data hold ") + (std::isnan(bad) ? "NaN" : "infinity") +
                                       ": input `x`, row 2 of its file"));
    CHECK(here.shell("./net eval --split valid").exit_code == 3);
  }
  REQUIRE(here.shell("rm xv.npy").exit_code == 0);
  CommandResult missing = here.shell("./net train");
  CHECK(missing.exit_code == 1);
  CHECK(contains(missing.output, "xv.npy: cannot be opened"));
}

TEST_CASE("without other rows the result is what training came to") {
  Workplace here;
  here.write("net.tarn", R"(
data d = csv("points.csv") { x: f32[1] = cols[0..1]; y: f32[1] = cols[1..2] }
model net(x: f32[B,1]) -> f32[B,1] = x |> dense[1]
train net on d { loss = mean((net(x) - y)^2); optimizer = sgd(0.1); epochs = 3; batch = 4; seed = 1 }
)");
  here.write("points.csv", "1,2\n2,3\n0,1\n3,1\n1,1\n");
  REQUIRE(here.tarn("build net.tarn -o net").exit_code == 0);
  std::string result = here.shell("./net train --quiet").output;
  CHECK(result.find("train: loss ") == 0);
  CHECK(contains(result, "(5 rows)\n"));
}

}  // namespace tarn
