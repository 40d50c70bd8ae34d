// .npy files and conversion of elements.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "data/npy.h"
#include "support.h"

using namespace tarn::runtime;

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

template <typename T>
static std::string raw(std::initializer_list<T> values) {
  std::string out;
  for (T value : values) out.append(reinterpret_cast<const char*>(&value), sizeof value);
  return out;
}

static std::string error_of(const Scratch& scratch, const std::string& bytes) {
  Result<Array> array = read_npy(scratch.write("f.npy", bytes));
  return array ? "" : array.error().message;
}

TEST_CASE("npy arrays in each dtype") {
  Scratch scratch;
  Result<Array> array = read_npy(scratch.write("f", npy_bytes("<f4", "(2, 3)", raw<float>({1, 2, 3, 4, 5, 6}))));
  REQUIRE(array);
  CHECK(array->shape == std::vector<int64_t>{2, 3});
  CHECK(array->row_elements() == 3);
  CHECK(read_npy(scratch.write("f", npy_bytes("|u1", "(3,)", "abc")))->shape == std::vector<int64_t>{3});
  CHECK(read_npy(scratch.write("f", gzip(npy_bytes("<i8", "(1,)", raw<int64_t>({7})))))->rows() == 1);
  Result<Array> big = read_npy(scratch.write("f", npy_bytes(">i4", "(1,)", std::string("\0\0\1\2", 4))));
  REQUIRE(big);
  CHECK(*reinterpret_cast<int32_t*>(big->bytes.data()) == 258);
}

TEST_CASE("half precision") {
  Scratch scratch;
  std::string halves = raw<uint16_t>({0x3c00, 0xc000, 0x3555, 0x0001, 0x7bff, 0x8000, 0x7c00, 0x7e00});
  Result<Array> array = read_npy(scratch.write("f", npy_bytes("<f2", "(8,)", halves)));
  REQUIRE(array);
  Result<Bytes> bytes = convert_elements(std::move(array->bytes), array->type, TARN_F32, 0, 1, "f");
  REQUIRE(bytes);
  float values[8];
  memcpy(values, bytes->data(), sizeof values);
  const float wanted[] = {1, -2, 0x1.554p-2f, 0x1p-24f, 65504, -0.0f};
  for (int i = 0; i < 6; ++i) CHECK(values[i] == wanted[i]);
  CHECK(values[6] > 65504);
  CHECK(values[7] != values[7]);
}

TEST_CASE("numbers become 16-bit floats where they fit") {
  auto converted = [](std::initializer_list<double> values, uint32_t to) {
    std::string doubles = raw(values);
    Bytes from;
    REQUIRE(from.append(doubles.data(), doubles.size()));
    Result<Bytes> bytes = convert_elements(std::move(from), FileType::F64, to, 0, 1, "f");
    std::vector<uint16_t> halves(bytes ? values.size() : 0);
    if (bytes) memcpy(halves.data(), bytes->data(), 2 * halves.size());
    return halves;
  };
  using Halves = std::vector<uint16_t>;
  // A third, the middles of 1 and its neighbours (to even), the least subnormal and less than half of it, -0.
  CHECK(converted({1.0 / 3, 1 + 0x1p-11, 1 + 0x3p-11, 0x1p-24, 0x0.fp-25, -0.0, 65519, HUGE_VAL}, TARN_F16) ==
        Halves{0x3555, 0x3c00, 0x3c02, 0x0001, 0x0000, 0x8000, 0x7bff, 0x7c00});
  CHECK(converted({1.0 / 3, 1 + 0x1p-8, 1 + 0x3p-8, 0x1p-133, -0.0, 3e38, -HUGE_VAL}, TARN_BF16) ==
        Halves{0x3eab, 0x3f80, 0x3f82, 0x0001, 0x8000, 0x7f62, 0xff80});
  CHECK(converted({65520}, TARN_F16).empty());
  CHECK(converted({3.4e38}, TARN_BF16).empty());
  std::string whole = raw<int64_t>({2049});
  Bytes from;
  REQUIRE(from.append(whole.data(), whole.size()));
  Result<Bytes> refused = convert_elements(std::move(from), FileType::I64, TARN_F16, 0, 1, "f");
  REQUIRE(!refused);
  CHECK(contains(refused.error().message, "does not fit into f16"));
  Scratch scratch;
  CHECK(contains(error_of(scratch, npy_bytes("|V2", "(1,)", "ab")), ".npy has no bf16"));
  CHECK(contains(npy_header(TARN_F16, {3}), "'<f2'"));
}

TEST_CASE("every truncation of an npy file is an error") {
  Scratch scratch;
  std::string bytes = npy_bytes("<f4", "(2, 1)", raw<float>({1, 2}));
  for (size_t size = 0; size < bytes.size(); ++size) CHECK(error_of(scratch, bytes.substr(0, size)) != "");
  CHECK(contains(error_of(scratch, bytes + "x"), "expected the end of the file"));
}

TEST_CASE("malformed npy files say what is wrong") {
  Scratch scratch;
  CHECK(contains(error_of(scratch, "not numpy at all"), "not an .npy file"));
  CHECK(contains(error_of(scratch, npy_bytes("<f4", "(1,)", "abcd", "True")), "Fortran order"));
  CHECK(contains(error_of(scratch, npy_bytes("|O", "(1,)", "abcd")), "pickled"));
  CHECK(contains(error_of(scratch, npy_bytes("<c8", "(1,)", "abcdefgh")), "dtype '<c8' is not read"));
  CHECK(contains(error_of(scratch, npy_bytes("<f4", "()", "abcd")), "is a scalar"));
  CHECK(contains(error_of(scratch, npy_bytes("<f4", "(-1,)", "")), "shape is malformed"));
  CHECK(contains(error_of(scratch, npy_bytes("<f4", "(4611686018427387904, 4)", "")), "overflows"));
  CHECK(contains(error_of(scratch, npy_bytes("<f4", "(1000000000000,)", "")), "more bytes than the file holds"));
  CHECK(contains(error_of(scratch, npy_bytes("<f4", "(1", "abcd")), "malformed"));
}

TEST_CASE("what is written as npy reads back, with the data at a multiple of 64") {
  Scratch scratch;
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{5}, {5, 3}, {5, 3, 2, 1}}) {
    int64_t count = checked_product(shape, 0);
    std::string header = npy_header(TARN_F32, shape);
    CHECK(header.size() % 64 == 0);
    Result<Array> array = read_npy(scratch.write("f", header + std::string(static_cast<size_t>(count) * 4, 'x')));
    REQUIRE(array);
    CHECK(array->shape == shape);
  }
}

template <typename From, typename To>
static std::string convert(std::initializer_list<From> values, FileType type, tarn_dtype to, std::vector<To> expected,
                           int64_t classes = 0) {
  std::string text = raw(values);
  Bytes bytes;
  REQUIRE(bytes.append(text.data(), text.size()));
  Result<Bytes> out = convert_elements(std::move(bytes), type, to, classes, 1, "f");
  if (!out) return out.error().message;
  REQUIRE(out->size() == expected.size() * sizeof(To));
  CHECK(memcmp(out->data(), expected.data(), out->size()) == 0);
  return "";
}

TEST_CASE("elements convert where nothing is lost") {
  CHECK(convert<double, float>({0.1, -2}, FileType::F64, TARN_F32, {0.1f, -2}) == "");
  CHECK(convert<uint8_t, int32_t>({0, 9}, FileType::U8, TARN_I32, {0, 9}, 10) == "");
  CHECK(convert<int64_t, float>({16777216}, FileType::I64, TARN_F32, {16777216}) == "");
  CHECK(convert<float, uint8_t>({255}, FileType::F32, TARN_U8, {255}) == "");
  CHECK(convert<double, float>({1.0 / 0.0}, FileType::F64, TARN_F32, {1.0f / 0.0f}) == "");
  CHECK(contains(convert<float, uint8_t>({1, 256}, FileType::F32, TARN_U8, {}),
                 "row 1: the f32 value 256 does not fit into u8"));
  CHECK(contains(convert<float, int32_t>({0.5}, FileType::F32, TARN_I32, {}), "does not fit into i32"));
  CHECK(contains(convert<int64_t, float>({16777217}, FileType::I64, TARN_F32, {}), "does not fit into f32"));
  CHECK(contains(convert<double, float>({1e300}, FileType::F64, TARN_F32, {}), "does not fit into f32"));
  CHECK(contains(convert<uint64_t, int64_t>({~0ull}, FileType::U64, TARN_I64, {}), "does not fit into i64"));
  // 2^64 - 1 is no f32 or f64; 2^64 - 2^40 and 2^63 are.
  for (uint64_t value : {~0ull, (1ull << 63) + 1}) {
    CHECK(contains(convert<uint64_t, float>({value}, FileType::U64, TARN_F32, {}), "does not fit into f32"));
    CHECK(contains(convert<uint64_t, double>({value}, FileType::U64, TARN_F64, {}), "does not fit into f64"));
  }
  uint64_t top = ~0ull << 40, middle = 1ull << 63;
  CHECK(convert<uint64_t, float>({top, middle}, FileType::U64, TARN_F32, {0x1.fffffep63f, 0x1p63f}) == "");
  CHECK(convert<uint64_t, double>({top, middle}, FileType::U64, TARN_F64, {0x1.fffffep63, 0x1p63}) == "");
  CHECK(contains(convert<uint8_t, int32_t>({3, 12}, FileType::U8, TARN_I32, {}, 10),
                 "f: row 1: label 12 is not one of the 10 classes 0..9"));
}
