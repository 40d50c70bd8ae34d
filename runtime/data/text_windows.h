// A text file -> its characters (bytes) as numbers, and a table of all windows of it.
#pragma once

#include <string>
#include <vector>

#include "table.h"

namespace tarn::runtime {

// The distinct characters of the training text in ascending order: a character's place is its number.
struct Alphabet {
  std::vector<unsigned char> characters;
  bool is_known() const { return !characters.empty(); }
};

// As UTF-8 text; bytes past 0x7F as the code points of the same number.
std::string character_name(unsigned char character);

struct TextInput {
  const tarn_tensor* tensor;  // u8[B, window]
  bool is_next;               // the characters one further on
  int64_t classes;            // how many characters the type says there are; 0: any number
};

// Row r of the table is the window that begins at character r.  An alphabet that is not known yet is taken from this
// file; else its characters must lie in it.
Status read_text(const std::string& path, const std::vector<TextInput>& inputs, int64_t window, int64_t batch,
                 Alphabet& alphabet, Table& table);

// The windows of characters begin..end-1, one after the other, each with the character after it; a rest shorter than a
// window is left out.  Where the order is random they begin anywhere there.
void take_windows(Split& split, const Table& table, int64_t begin, int64_t end, int64_t window);

}  // namespace tarn::runtime
