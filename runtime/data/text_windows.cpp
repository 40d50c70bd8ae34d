// A text file -> its characters (bytes) as numbers, and a table of all windows of it.
#include "text_windows.h"

#include <array>

#include "../text.h"

namespace tarn::runtime {

using Big = long long;

static std::string character_text(unsigned char character) {
  if (character > ' ' && character < 127) return format("`%c`", character);
  return format("byte 0x%02x", character);
}

std::string character_name(unsigned char character) {
  if (character < 0x80) return std::string(1, static_cast<char>(character));
  return {static_cast<char>(0xC0 | character >> 6), static_cast<char>(0x80 | (character & 0x3F))};
}

static void learn(Alphabet& alphabet, const Bytes& text) {
  std::array<bool, 256> seen{};
  for (size_t i = 0; i < text.size(); ++i) seen[text.data()[i]] = true;
  for (size_t character = 0; character < seen.size(); ++character)
    if (seen[character]) alphabet.characters.push_back(static_cast<unsigned char>(character));
}

// Characters -> their numbers, in place.
static Status number(const std::string& path, const Alphabet& alphabet, Bytes& text) {
  std::array<int, 256> code{};
  code.fill(-1);
  for (size_t i = 0; i < alphabet.characters.size(); ++i) code[alphabet.characters[i]] = static_cast<int>(i);
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char character = text.data()[i];
    if (code[character] < 0)
      return Error{format("%s: byte %zu: %s does not occur in the training text", path.c_str(), i,
                          character_text(character).c_str())};
    text.data()[i] = static_cast<unsigned char>(code[character]);
  }
  return Done{};
}

static Status check_input(const std::string& path, const TextInput& input, int64_t window, int64_t batch,
                          const Alphabet& alphabet) {
  auto found = static_cast<int64_t>(alphabet.characters.size());
  if (input.classes > 0 && input.classes != found)
    return Error{format("%s: holds %lld different characters, but `%s` is class[%lld]: write class[%lld]", path.c_str(),
                        static_cast<Big>(found), input.tensor->name, static_cast<Big>(input.classes),
                        static_cast<Big>(found))};
  int64_t wanted = element_count(*input.tensor) / batch;
  if (wanted == window && input.tensor->dtype == TARN_U8) return Done{};
  return Error{format("the data have windows of %lld characters, but input `%s` takes %lld values of %s",
                      static_cast<Big>(window), input.tensor->name, static_cast<Big>(wanted),
                      dtype_name(input.tensor->dtype))};
}

Status read_text(const std::string& path, const std::vector<TextInput>& inputs, int64_t window, int64_t batch,
                 Alphabet& alphabet, Table& table) {
  Result<ByteSource> source = ByteSource::open(path);
  if (!source) return source.error();
  Bytes text;
  if (Status status = source->read_rest(text); !status) return status;
  if (text.size() > UINT32_MAX) return Error{path + ": more than 2^32 characters"};
  if (static_cast<int64_t>(text.size()) <= window)
    return Error{format("%s: %zu characters are less than one window of %lld and the character after it", path.c_str(),
                        text.size(), static_cast<Big>(window))};
  if (!alphabet.is_known()) learn(alphabet, text);
  for (const TextInput& input : inputs)
    if (Status status = check_input(path, input, window, batch, alphabet); !status) return status;
  if (Status status = number(path, alphabet, text); !status) return status;
  table.rows = static_cast<int64_t>(text.size()) - window;
  table.blocks.push_back(std::move(text));
  for (const TextInput& input : inputs)
    table.columns.push_back(
        {input.tensor, static_cast<uint64_t>(window), 1, table.blocks.back().data() + (input.is_next ? 1 : 0)});
  return Done{};
}

void take_windows(Split& split, const Table& table, int64_t begin, int64_t end, int64_t window) {
  split.table = &table;
  split.rows.clear();
  for (int64_t at = begin; at + window < end; at += window) split.rows.push_back(static_cast<uint32_t>(at));
  split.draw_from = split.rows.empty() ? 0 : static_cast<uint32_t>(end - begin - window);
}

}  // namespace tarn::runtime
