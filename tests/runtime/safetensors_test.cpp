// The safetensors reader and writer against valid, cut, flipped and hostile files.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "safetensors.h"
#include "tarn_abi.h"

struct Parsed {
  int code;
  std::string error;
  std::vector<std::string> tensors, metadata;
};

static Parsed parse(const std::string& bytes) {
  Parsed parsed;
  tarn_st_source source{const_cast<std::string*>(&bytes), bytes.size(),
                        [](void* user, uint64_t offset, void* to, size_t count) {
                          const auto& text = *static_cast<std::string*>(user);
                          if (offset > text.size() || count > text.size() - offset) return 1;
                          memcpy(to, text.data() + offset, count);
                          return 0;
                        }};
  tarn_st_visitor visitor{&parsed,
                          [](void* user, const tarn_st_entry* entry) {
                            static_cast<Parsed*>(user)->tensors.push_back(entry->name);
                            return 0;
                          },
                          [](void* user, const char* key, const char* value) {
                            static_cast<Parsed*>(user)->metadata.push_back(std::string(key) + "=" + value);
                            return 0;
                          }};
  tarn_st_info info;
  parsed.code = tarn_st_scan(&source, &visitor, &info);
  if (parsed.code == 0) parsed.code = tarn_st_check_hash(&source, &info);
  parsed.error = info.error != nullptr ? info.error : "";
  return parsed;
}

// A file from a header text.
static std::string file_of(const std::string& header, const std::string& data) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(header.size() >> (8 * i));
  return out + header + data;
}

static std::string valid_file() {
  static const int64_t shape[] = {2, 3};
  static const float data[6] = {1, 2, 3, 4, 5, 6};
  static const int32_t scalar = 7;
  tarn_st_content content{nullptr,
                          2,
                          [](void*, size_t i, tarn_st_tensor* out) {
                            if (i == 0)
                              *out = {"", "fc1.w", TARN_F32, 2, shape, sizeof data, data};
                            else
                              *out = {"best/", "odd \"name\"\t", TARN_I32, 0, nullptr, 4, &scalar};
                          },
                          1,
                          [](void*, size_t, tarn_st_pair* out) {
                            strcpy(out->key, "tarn.step");
                            strcpy(out->value, "12\\");
                          },
                          [](void*, const tarn_st_tensor* tensor, uint64_t at, void* to, size_t count) {
                            memcpy(to, static_cast<const unsigned char*>(tensor->source) + at, count);
                          }};
  std::string out;
  auto put = [](void* user, const void* bytes, size_t count) {
    static_cast<std::string*>(user)->append(static_cast<const char*>(bytes), count);
    return 0;
  };
  CHECK(tarn_st_save(&content, put, &out) == 0);
  CHECK(out.size() == tarn_st_size(&content));
  return out;
}

TEST_CASE("what is written reads back") {
  Parsed parsed = parse(valid_file());
  CHECK(parsed.code == 0);
  CHECK(parsed.error == "");
  CHECK(parsed.tensors == std::vector<std::string>{"fc1.w", "best/odd \"name\"\t"});
  CHECK(parsed.metadata == std::vector<std::string>{"tarn.step=12\\"});
}

TEST_CASE("every truncation is refused") {
  std::string bytes = valid_file();
  for (size_t size = 0; size < bytes.size(); ++size) {
    Parsed parsed = parse(bytes.substr(0, size));
    CHECK(parsed.code == -1);
    CHECK(parsed.error != "");
  }
  CHECK(parse(bytes + "x").code == -1);
}

TEST_CASE("every flipped byte is refused") {
  std::string bytes = valid_file();
  int accepted = 0;
  for (size_t at = 0; at < bytes.size(); ++at)
    for (int bit : {1, 4, 32, 128}) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ bit);
      // A flip in the key `tarn.hash` hides the hash itself; all else is noticed.
      if (parse(flipped).code == 0) ++accepted;
    }
  CHECK(accepted <= 4 * 9);
}

TEST_CASE("hostile headers are refused with a reason") {
  const std::string entry = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
  struct Case {
    std::string header, data, error;
  };
  for (const Case& c : std::vector<Case>{
           {"{}", "x", "holds bytes that belong to no tensor"},
           {"[]", "", "not a JSON object"},
           {"{\"a\":{" + entry + "}} x", "abcd", "goes on after its object"},
           {"{\"a\":{" + entry + "}", "abcd", "lacks a `,` or `}`"},
           {"{\"a\":{" + entry + "},\"b\":{" + entry + "}}", "abcd", "overlap"},
           {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", "abcd", "outside the file"},
           {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "a", "outside the file"},
           {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})", "abcd", "outside the file"},
           {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "abcd", "do not fit its shape"},
           {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "abcd", "outside the file"},
           {R"({"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}})", "abcd", "dtype that is not known"},
           {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", "abcd", "overflows"},
           {R"({"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}})", "abcd", "above 2^64"},
           {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "abcd", "whole number"},
           {R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", "abcd", "lacks a `,` or `]`"},
           {R"({"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}})", "abcd", "repeated key"},
           {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", "abcd", "unknown or repeated"},
           {R"({"a":{"dtype":"F32","shape":[1]}})", "abcd", "lacks dtype, shape or data_offsets"},
           {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "abcd", "lacks dtype, shape or data_offsets"},
           {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", "abcd",
            "long a list"},
           {R"({"__metadata__":{},"__metadata__":{}})", "", "__metadata__ twice"},
           {R"({"__metadata__":{"a":1}})", "", "lacks a string"},
           {R"({"__metadata__":{"tarn.hash":"xyz"}})", "", "16 hex digits"},
           {R"({"__metadata__":{"tarn.hash":"0000000000000000"}})", "", "checksum"},
           {"{\"\xff\":{" + entry + "}}", "abcd", "not UTF-8"},
           {"{\"a\\u0000\":{" + entry + "}}", "abcd", "bad \\u escape"},
           {"{\"\\ud800\":{" + entry + "}}", "abcd", "surrogate"},
           {"{\"" + std::string(2000, 'n') + "\":{" + entry + "}}", "abcd", "longer than 1024"},
           {"{\"a\n\":{" + entry + "}}", "abcd", "control character"},
           {std::string(5000, '['), "", "not a JSON object"}}) {
    Parsed parsed = parse(file_of(c.header, c.data));
    CAPTURE(c.header.substr(0, 80));
    CHECK(parsed.code == -1);
    CHECK(parsed.error.find(c.error) != std::string::npos);
  }
}

TEST_CASE("a claimed length is never believed") {
  std::string huge = "\xff\xff\xff\xff\xff\xff\xff\x7f{}";
  CHECK(parse(huge).error.find("100 MB") != std::string::npos);
  std::string long_header(8, '\0');
  long_header[1] = 4;
  CHECK(parse(long_header + "{}").error.find("longer than the file") != std::string::npos);
}

TEST_CASE("files of other writers: no hash, long metadata, spaces, escapes, empty tensors") {
  std::string header =
      "{ \"__metadata__\" : {\"note\":\"" + std::string(3000, 'x') +
      "\"} , \"a\\u00e9\\ud83d\\ude00\" :\n{\"shape\":[0,3],\"data_offsets\":[0,0],\"dtype\":\"BF16\"}}   ";
  Parsed parsed = parse(file_of(header, ""));
  CHECK(parsed.code == 0);
  CHECK(parsed.tensors == std::vector<std::string>{"a\xc3\xa9\xf0\x9f\x98\x80"});
}
