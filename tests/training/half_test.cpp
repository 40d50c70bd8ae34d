// A program whose data are bf16, whose parameters are f16 and whose slots are f32: trained, saved, resumed, used.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/driver/command.h"

namespace tarn {

static const char* const kModel = R"(
data d = csv("points.csv", valid = 0.2) { x: bf16[6] = cols[0..6]; y: class[2] = cols[6] }
optimizer steady(p, g, t; lr) {
  state m: f32 = zeros
  update m = 0.9 * m + f32(g)
  update p = f16(f32(p) - lr * m)
}
layer thin[Out](x: f16[.., In]) -> f16[.., Out] {
  param w: f16[In, Out] = xavier_uniform
  return x @ w
}
model net(x: bf16[B,6]) -> f32[B,2] = f16(x) |> thin[64] as wide |> tanh |> thin[2] as out |> f32
train net on d {
  loss = cross_entropy(net(x), y)
  metric accuracy = accuracy(net(x), y)
  optimizer = steady(lr = 0.2)
  epochs = 6
  batch = 32
  shuffle
  seed = 1
}
)";

// The class is the sign of the sum of two columns.
static std::string points(int rows) {
  std::string text;
  for (int row = 0; row < rows; ++row) {
    double x[6];
    for (int column = 0; column < 6; ++column) x[column] = std::sin(row * 7.3 + column * 1.9 + row * column % 5);
    for (double number : x) text += std::to_string(number) + ",";
    text += std::to_string(x[0] + x[1] > 0 ? 1 : 0) + "\n";
  }
  return text;
}

TEST_CASE("training in 16 bits: learned, the same for any number of threads, and after a resume") {
  Workplace here;
  here.write("net.tarn", kModel);
  here.write("points.csv", points(1500));
  auto run = [&](const std::string& words) {
    CommandResult ran = here.shell("timeout -k 1 60 " + words);
    REQUIRE_MESSAGE(ran.exit_code == 0, ran.output);
    return ran.output;
  };
  CommandResult built = here.tarn("build net.tarn -o net");
  REQUIRE_MESSAGE(built.exit_code == 0, built.output);
  run("./net train --save whole --threads 1");
  run("./net train --save other --threads 3");
  std::string whole = here.read("whole");
  CHECK(here.read("other") == whole);
  CHECK(whole.find(R"("wide.w":{"dtype":"F16","shape":[6,64])") != std::string::npos);
  CHECK(whole.find(R"("wide.w.m":{"dtype":"F32","shape":[6,64])") != std::string::npos);
  run("./net train --epochs 2 --save part");
  run("./net train --resume part --epochs 6 --save resumed");
  CHECK(here.read("resumed") == whole);
  CHECK(run("./net info whole").find("F16") != std::string::npos);
  std::string shown = run("./net eval --load whole");
  size_t at = shown.find("accuracy ");
  REQUIRE_MESSAGE(at != std::string::npos, shown);
  CHECK(std::stod(shown.substr(at + 9)) > 90);  // %
}

}  // namespace tarn
