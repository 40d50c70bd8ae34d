// CIFAR-10 binary files: columns among the records, several files, and what is wrong with malformed ones.
#include <doctest/doctest.h>

#include "data/cifar.h"
#include "support.h"

using namespace tarn::runtime;

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Each image is filled with its own number.
static std::string records(const std::string& labels, int first_image) {
  std::string out;
  for (char label : labels) out += label + std::string(3072, static_cast<char>(first_image++));
  return out;
}

struct Cifar {
  Scratch scratch;
  int64_t x_shape[4] = {2, 3, 32, 32}, y_shape[1] = {2};
  tarn_tensor x{"images", TARN_U8, TARN_INPUT, 4, 0, x_shape, 0, 6144, 0},
      y{"labels", TARN_U8, TARN_INPUT, 1, 0, y_shape, 0, 2, 0};
  Table table;
  std::string read(const std::vector<std::string>& paths) {
    table = Table();
    Status status = read_cifar(paths, {{&x, false, 0}, {&y, true, 10}}, 2, table);
    return status ? "" : status.error().message;
  }
};

TEST_CASE_FIXTURE(Cifar, "the records of several files, gzipped or not, are rows") {
  std::string one = scratch.write("1.bin", records(std::string("\3\1", 2), 7));
  std::string two = scratch.write("2.bin.gz", gzip(records(std::string("\0", 1), 9)));
  REQUIRE(read({one, two}) == "");
  CHECK(table.rows == 3);
  for (uint32_t row = 0; row < 3; ++row) {
    CHECK(table.columns[0].row(row)[0] == 7 + row);
    CHECK(table.columns[0].row(row)[3071] == 7 + row);
  }
  CHECK(table.columns[1].row(0)[0] == 3);
  CHECK(table.columns[1].row(2)[0] == 0);
}

TEST_CASE_FIXTURE(Cifar, "what is cut, empty or out of range is named") {
  std::string good = records(std::string("\3\1", 2), 0);
  CHECK(contains(read({scratch.write("f", good.substr(0, 6000))}), "2927 are left over (is it cut short?)"));
  CHECK(contains(read({scratch.write("f.gz", gzip(good).substr(0, 20))}), "f.gz"));
  CHECK(contains(read({scratch.write("e", "")}), "e: holds no rows"));
  CHECK(contains(read({scratch.write("l", records("\1\12", 0))}),
                 "l: row 1: label 10 is not one of the 10 classes 0..9"));
  x_shape[2] = 28;
  CHECK(contains(read({scratch.write("g", good)}),
                 "a row of CIFAR-10 is an image [3,32,32] of 3072 bytes, but input "
                 "`images` takes 2688 values"));
}
