// Text, random numbers, hashes.
#include <doctest/doctest.h>

#include <algorithm>

#include "hash.h"
#include "random.h"
#include "text.h"

using namespace tarn::runtime;

// Known answers: Random123 1.14, tests/kat_vectors, philox4x32 10.
TEST_CASE("philox gives the known answers") {
  using Four = std::array<uint32_t, 4>;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a permutation holds each row once and depends on seed and epoch alone") {
  std::vector<uint32_t> a(1000), b(1000), c(1000), d(1000);
  permute(a, 7, Stream::Shuffle, 3);
  permute(b, 7, Stream::Shuffle, 3);
  permute(c, 7, Stream::Shuffle, 4);
  permute(d, 8, Stream::Shuffle, 3);
  CHECK(a == b);
  CHECK(a != c);
  CHECK(a != d);
  std::sort(a.begin(), a.end());
  for (uint32_t i = 0; i < 1000; ++i) CHECK(a[i] == i);
}

// Known answers: python-xxhash's documentation, xxh64 with seed 0.
TEST_CASE("the hash is XXH64, in any pieces") {
  auto hash = [](const std::string& text, size_t piece) {
    tarn_hash h;
    tarn_hash_start(&h);
    for (size_t at = 0; at < text.size(); at += piece)
      tarn_hash_add(&h, text.data() + at, std::min(piece, text.size() - at));
    return tarn_hash_end(&h);
  };
  CHECK(hash("", 1) == 0xef46db3751d8e999);
  CHECK(hash("abc", 1) == 0x44bc2cf5ad770999);
  std::string text;
  for (int i = 0; i < 200; ++i) text += static_cast<char>(i * 7);
  for (size_t piece : {1, 3, 31, 32, 33, 64, 100}) CHECK(hash(text, piece) == hash(text, text.size()));
}

TEST_CASE("numbers are read whole or not at all") {
  int64_t whole = 0;
  double real = 0;
  CHECK(parse_int("-12", &whole));
  CHECK(whole == -12);
  for (const char* bad : {"", "-", "1x", "1.0", " 1", "99999999999999999999"}) CHECK_FALSE(parse_int(bad, &whole));
  CHECK(parse_double("+3e-4", &real));
  CHECK(real == 3e-4);
  for (const char* bad : {"", "x", "1,5", "1 ", "+-1"}) CHECK_FALSE(parse_double(bad, &real));
}

TEST_CASE("text helpers") {
  CHECK(json_string("a\"b\\c\n") == "\"a\\\"b\\\\c\\u000a\"");
  CHECK(json_number(0.1) == "0.1");
  CHECK(json_number(static_cast<double>(0.1f)) == "0.10000000149011612");
  CHECK(json_number(1.0 / 0.0) == "null");
  CHECK(did_you_mean("--epoch", {"--epochs", "--data"}) == "; did you mean `--epochs`?");
  CHECK(did_you_mean("--zzzzzz", {"--epochs", "--data"}) == "");
  CHECK(clock_text(12.2) == "0:12");
  CHECK(clock_text(3723) == "1:02:03");
  CHECK(short_number(21300) == "21.3k");
  CHECK(metric_text("accuracy", 0.9752) == "97.52 %");
  CHECK(metric_text("error", 0.0123456) == "0.01235");
}

TEST_CASE("JSON lists; what is no UTF-8 is replaced") {
  CHECK(json_list({}) == "[]");
  CHECK(json_list({"a\n", "\"", "\xC3\xA9"}) == "[\"a\\u000a\",\"\\\"\",\"\xC3\xA9\"]");
  CHECK(json_string("a\xE9") == "\"a\\ufffd\"");
}
