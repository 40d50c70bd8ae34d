// Text files: the alphabet, windows one after the other and drawn, splits that do not overlap.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "data/text_windows.h"
#include "support.h"

using namespace tarn::runtime;

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Text {
  Scratch scratch;
  int64_t shape[2] = {2, 4};
  tarn_tensor tokens{"tokens", TARN_U8, TARN_INPUT, 2, 0, shape, 0, 8, 0},
      next{"next", TARN_U8, TARN_INPUT, 2, 0, shape, 0, 8, 0};
  int64_t classes = 3;
  Alphabet alphabet;
  Table table;
  std::string read(const std::string& bytes, int64_t window = 4) {
    table = Table();
    Status status = read_text(scratch.write("t.txt", bytes), {{&tokens, false, classes}, {&next, true, classes}},
                              window, 2, alphabet, table);
    return status ? "" : status.error().message;
  }
  std::string window_at(size_t column, uint32_t row) const {
    std::string out;
    for (int i = 0; i < 4; ++i) out += static_cast<char>(alphabet.characters[table.columns[column].row(row)[i]]);
    return out;
  }
};

TEST_CASE_FIXTURE(Text, "a window and the characters after it; the alphabet is sorted") {
  REQUIRE(read("cabacabbca") == "");
  CHECK(std::string(alphabet.characters.begin(), alphabet.characters.end()) == "abc");
  CHECK(table.rows == 6);
  CHECK(window_at(0, 0) == "caba");
  CHECK(window_at(1, 0) == "abac");
  CHECK(window_at(0, 5) == "abbc");
  CHECK(window_at(1, 5) == "bbca");
  CHECK(read("abcabc") == "");
  CHECK(contains(read("abcabd"), "t.txt: byte 5: `d` does not occur in the training text"));
  CHECK(contains(read("abcab\n"), "t.txt: byte 5: byte 0x0a does not occur"));
}

TEST_CASE_FIXTURE(Text, "an alphabet of another size, a short file and another window are errors") {
  CHECK(contains(read("abcdabcd"), "holds 4 different characters, but `tokens` is class[3]: write class[4]"));
  alphabet = {};
  CHECK(contains(read("abca"), "4 characters are less than one window of 4 and the character after it"));
  CHECK(contains(read("abcabcabc", 5), "windows of 5 characters, but input `tokens` takes 4"));
}

TEST_CASE_FIXTURE(Text, "windows one after the other cover a part and do not leave it") {
  REQUIRE(read("cabacabbcacabacabbcabb") == "");
  Split split;
  take_windows(split, table, 0, 12, 4);
  CHECK(split.rows == std::vector<uint32_t>{0, 4});
  take_windows(split, table, 0, 13, 4);
  CHECK(split.rows == std::vector<uint32_t>{0, 4, 8});
  take_windows(split, table, 9, 22, 4);
  CHECK(split.rows == std::vector<uint32_t>{9, 13, 17});
  take_windows(split, table, 0, 4, 4);
  CHECK(split.rows.empty());
}

TEST_CASE_FIXTURE(Text, "in random order, windows begin anywhere in their part, by seed and epoch alone") {
  REQUIRE(read("cabacabbcacabacabbcabb") == "");
  Split split;
  take_windows(split, table, 9, 22, 4);
  std::set<uint32_t> seen;
  std::vector<uint32_t> order(3), again(3);
  for (uint32_t epoch = 0; epoch < 100; ++epoch) {
    order_epoch(split, true, 1, epoch, order);
    order_epoch(split, true, 1, epoch, again);
    CHECK(order == again);
    seen.insert(order.begin(), order.end());
  }
  CHECK(seen.size() == 9);
  CHECK(*seen.begin() == 9);
  CHECK(*seen.rbegin() == 17);  // its last character after is number 21, the part's last
  order_epoch(split, false, 1, 0, order);
  CHECK(order == split.rows);
}

TEST_CASE("characters past ASCII are named as UTF-8") {
  CHECK(character_name('a') == "a");
  CHECK(character_name(0xE9) == "\xC3\xA9");
}
