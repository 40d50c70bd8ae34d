// Layers that move images about: where a single bright pixel goes, over many steps of the interpreter.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <map>

#include "tests/frontend/support.h"

using namespace tarn;
using namespace tarn::test;

using Place = std::pair<int, int>;  // row and column; {-1, -1}: out of sight

namespace {

// One image of 7 x 7, or `batch` of them, whose pixel `start` is 1, through `layers`.
class Moved {
 public:
  Moved(const std::string& layers, Place start, int batch = 1) {
    module_ = compile_expanded(
        fmt::format("data d = npy() {{ x: f32[1,7,7] = \"x.npy\" }}\n"
                    "model m(x: f32[B,1,7,7]) {{ param w: f32[1] = ones; return sum(w) * (x |> {}) }}\n"
                    "train m on d {{ let y = m(x); loss = sum(y)\n"
                    "  metric down = sum(y * float(positions(y, axis = 2))); metric right = sum(y * float(positions(y, "
                    "axis = 3)))\n"
                    "  metric spread = var(sum(y * float(positions(y, axis = 3)), over = [1, 2, 3]))\n"
                    "  batch = {}; optimizer = sgd(lr = 0) }}",
                    layers, batch));
    values_ = {{"seed", {5}}, {"count", {static_cast<double>(batch)}}};
    values_["x"] = std::vector<double>(static_cast<size_t>(49 * batch));
    for (int row = 0; row < batch; ++row) {
      values_["x"][static_cast<size_t>(49 * row + 7 * start.first + start.second)] = 1;
    }
    run(module_, "init", values_);
  }

  Place in(const char* entry) {
    run(module_, entry, values_);
    if (values_["loss"][0] == 0) return {-1, -1};
    CHECK(values_["loss"][0] == 1);
    return {static_cast<int>(values_["down"][0]), static_cast<int>(values_["right"][0])};
  }

  std::map<Place, int> after(int steps) {
    std::map<Place, int> counts;
    for (int step = 0; step < steps; ++step) ++counts[in("train_step")];
    return counts;
  }

  // The variance of the columns of one step's images.
  double spread() {
    run(module_, "train_step", values_);
    return values_["spread"][0];
  }

 private:
  Module module_;
  Values values_;
};

// Each place as often as the others, within 4.5 standard deviations.
void check_even(const std::map<Place, int>& counts, size_t places, int steps) {
  CHECK(counts.size() == places);
  double each = 1.0 / static_cast<double>(places), deviation = std::sqrt(steps * each * (1 - each));
  for (const auto& [place, count] : counts) {
    CAPTURE(place.first);
    CAPTURE(place.second);
    CHECK(std::fabs(count - steps * each) < 4.5 * deviation);
  }
}

}  // namespace

TEST_CASE("random_flip mirrors left to right, as often as it says, and not in evaluation") {
  Moved half("random_flip", {2, 1});
  auto counts = half.after(400);
  check_even(counts, 2, 400);
  CHECK(counts.count({2, 1}) == 1);
  CHECK(counts.count({2, 5}) == 1);
  CHECK(half.in("eval_step") == Place{2, 1});
  Moved rare("random_flip[rate = 0.1]", {2, 1});
  CHECK(std::abs(rare.after(400)[{2, 5}] - 40) < 27);  // 4.5 standard deviations
}

TEST_CASE("random_shift moves to each distance alike, with zeros from the border") {
  Moved shifted("random_shift[[2, 1]]", {3, 3});
  auto counts = shifted.after(600);
  check_even(counts, 15, 600);
  for (const auto& [place, count] : counts) CHECK((std::abs(place.first - 3) <= 2 && std::abs(place.second - 3) <= 1));
  CHECK(shifted.in("eval_step") == Place{3, 3});
  Moved corner("random_shift[1]", {0, 0});
  auto seen = corner.after(300);
  CHECK(seen.size() == 5);  // four places and out of sight, which is five of nine moves
  CHECK(std::abs(seen[{-1, -1}] - 167) < 39);
}

TEST_CASE("random_crop takes each box alike, and the middle one in evaluation") {
  Moved cropped("random_crop[5, pad = 1]", {3, 3});
  auto counts = cropped.after(600);
  check_even(counts, 25, 600);
  for (const auto& [place, count] : counts) CHECK((place.first >= 0 && place.first <= 4 && place.second <= 4));
  CHECK(cropped.in("eval_step") == Place{2, 2});
  Moved same("random_crop[[9, 7], pad = [1, 0]]", {3, 3});
  CHECK(same.in("train_step") == Place{4, 3});
  CHECK(same.in("eval_step") == Place{4, 3});
}

TEST_CASE("each image of a batch is drawn for by itself") {
  CHECK(Moved("random_flip", {2, 1}, 16).spread() > 0);
  CHECK(Moved("random_shift[3]", {3, 3}, 16).spread() > 0);
}
