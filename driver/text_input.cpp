// Reads a file as long as it can be text.
#include "driver/text_input.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "driver/files.h"

namespace tarn {

namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr size_t kMaxBytes = size_t{1} << 30;  // places in a text are 32 bits; no honest dump comes near this

// Why `text`, of which the bytes before `known` were looked at, cannot be one; nullopt where it can.
std::optional<std::string> fault_of(const std::string& path, std::string_view text, size_t known) {
  if (text.substr(0, 2) == "\xFF\xFE" || text.substr(0, 2) == "\xFE\xFF") {
    return fmt::format("`{}` is in UTF-16; save it as UTF-8", path);
  }
  if (size_t zero = text.find('\0', known); zero != std::string_view::npos) {
    return fmt::format(
        "`{}` is no text: byte {} is zero, as in a program, an archive or an image; a model file or IR is UTF-8 text",
        path, zero);
  }
  if (text.size() > kMaxBytes) return fmt::format("`{}` is larger than 1 GiB", path);
  return std::nullopt;
}

}  // namespace

Result<std::string> read_text(const std::string& path) {
  Result<std::string> text = read_file(path, fault_of);
  if (text && text->compare(0, kUtf8Mark.size(), kUtf8Mark) == 0) text->erase(0, kUtf8Mark.size());
  return text;
}

}  // namespace tarn
