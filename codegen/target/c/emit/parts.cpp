// Texts embedded by CMake, cut into parts at their `/* [name]` lines.
#include "codegen/target/c/emit/parts.h"

#include <map>
#include <set>
#include <sstream>

#include "codegen/target/c/emit/names.h"

namespace tarn::c_source {

namespace {

struct Text {
  std::string_view file, text;
};

constexpr Text kFunctions[] = {
#include "functions.inc"
};
constexpr Text kEmbedding[] = {
#include "embedding.inc"
};

using PartMap = std::map<std::string, std::string, std::less<>>;

void add_parts(std::string_view text, PartMap& parts) {
  constexpr std::string_view kMark = "\n/* [";
  for (size_t at = text.find(kMark); at != std::string_view::npos;) {
    size_t name = at + kMark.size(), next = text.find(kMark, name);
    std::string_view part = text.substr(at, next - at);
    parts.emplace(text.substr(name, text.find(']', name) - name), part);
    at = next;
  }
}

class Collector {
 public:
  explicit Collector(PartMap parts) : parts_(std::move(parts)) {}

  void need(std::string_view code) {
    for (const std::string& name : identifiers_of(code)) {
      auto part = parts_.find(name);
      if (part == parts_.end() || !taken_.insert(name).second) continue;
      need(part->second);
      text_ += part->second;
    }
  }
  std::string text() { return std::move(text_); }

 private:
  PartMap parts_;
  std::set<std::string, std::less<>> taken_;
  std::string text_;
};

// Without its includes of other files of the project, which stand before it, and of the system, which stand on top.
std::string without_includes(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("#include")) out += line + "\n";
  }
  return out;
}

}  // namespace

std::string parts_for(std::string_view code, bool is_freestanding) {
  PartMap parts;
  for (const Text& text : kFunctions) {
    bool is_other = text.file.find(is_freestanding ? "hosted" : "freestanding") != std::string_view::npos;
    if (!is_other) add_parts(text.text, parts);
  }
  Collector collector(std::move(parts));
  collector.need(code);
  return collector.text();
}

std::string abi_text() {
  return without_includes(kEmbedding[0].text);
}

std::string embedding_text() {
  std::string out;
  for (const Text& text : kEmbedding) {
    if (&text != &kEmbedding[0]) out += without_includes(text.text) + "\n";
  }
  return out;
}

}  // namespace tarn::c_source
