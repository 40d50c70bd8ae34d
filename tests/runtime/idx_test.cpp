// IDX files: good, gzipped, cut and malformed.
#include <doctest/doctest.h>

#include <cstring>

#include "data/idx.h"
#include "support.h"

using namespace tarn::runtime;

static std::string error_of(const Scratch& scratch, const std::string& bytes) {
  Result<Array> array = read_idx(scratch.write("f", bytes));
  return array ? "" : array.error().message;
}

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("idx images, plain and gzipped, also in two gzip members") {
  Scratch scratch;
  std::string bytes = idx_bytes({2, 2, 3}, "abcdefghijkl");
  for (const std::string& stored : {bytes, gzip(bytes), gzip(bytes.substr(0, 9)) + gzip(bytes.substr(9))}) {
    Result<Array> array = read_idx(scratch.write("f", stored));
    REQUIRE(array);
    CHECK(array->shape == std::vector<int64_t>{2, 2, 3});
    CHECK(std::string(reinterpret_cast<char*>(array->bytes.data()), array->bytes.size()) == "abcdefghijkl");
  }
}

TEST_CASE("idx big-endian numbers") {
  Scratch scratch;
  std::string bytes = {0,
                       0,
                       0x0C,
                       1,
                       0,
                       0,
                       0,
                       2,
                       0,
                       0,
                       1,
                       2,
                       static_cast<char>(0xff),
                       static_cast<char>(0xff),
                       static_cast<char>(0xff),
                       static_cast<char>(0xfe)};
  Result<Array> array = read_idx(scratch.write("f", bytes));
  REQUIRE(array);
  int32_t values[2];
  memcpy(values, array->bytes.data(), sizeof values);
  CHECK(values[0] == 258);
  CHECK(values[1] == -2);
}

TEST_CASE("every truncation of an idx file is an error, plain and gzipped") {
  Scratch scratch;
  std::string bytes = idx_bytes({3, 2, 2}, "abcdefghijkl"), packed = gzip(bytes);
  for (size_t size = 0; size < bytes.size(); ++size) CHECK(error_of(scratch, bytes.substr(0, size)) != "");
  for (size_t size = 0; size < packed.size(); ++size) CHECK(error_of(scratch, packed.substr(0, size)) != "");
}

TEST_CASE("malformed idx files say what is wrong and where") {
  Scratch scratch;
  CHECK(contains(error_of(scratch, idx_bytes({1, 2}, "abc")), "expected the end of the file, found more bytes"));
  CHECK(contains(error_of(scratch, "PNG image"), "byte 0: found 504e4720, expected an IDX magic"));
  CHECK(contains(error_of(scratch, idx_bytes({4000000000u, 4000000000u, 4000000000u}, "")), "overflow"));
  CHECK(contains(error_of(scratch, idx_bytes({60000, 28, 28}, "abc")),
                 "need 47040000 bytes of data, more than the file"));
  CHECK(contains(error_of(scratch, idx_bytes({1, 9}, "")), "(is it cut short?)"));
  std::string damaged = gzip(idx_bytes({100}, std::string(100, 'x')));
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);  // the CRC
  CHECK(contains(error_of(scratch, damaged), "damaged gzip data"));
  CHECK(contains(read_idx(scratch.path("none")).error().message, "cannot be opened: No such file"));
  CHECK(contains(read_idx(scratch.directory()).error().message, "is a directory"));
}
