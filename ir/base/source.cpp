// Line and column arithmetic over source text.
#include "ir/base/source.h"

#include <fmt/format.h>

#include <algorithm>

namespace tarn {

std::string Location::text() const {
  return is_known() ? fmt::format("{}:{}:{}", file, line, column) : "";
}

uint32_t SourceFile::line_of(uint32_t offset) const {
  auto next = std::upper_bound(line_starts.begin(), line_starts.end(), offset);
  return static_cast<uint32_t>(next - line_starts.begin());
}

uint32_t SourceFile::column_of(uint32_t offset) const {
  return offset - line_starts[line_of(offset) - 1] + 1;
}

std::string_view SourceFile::line_text(uint32_t line) const {
  if (line == 0 || line > line_starts.size()) return {};
  uint32_t begin = line_starts[line - 1];
  size_t end = text.find('\n', begin);
  if (end == std::string::npos) end = text.size();
  if (end > begin && text[end - 1] == '\r') --end;
  return std::string_view(text).substr(begin, end - begin);
}

uint32_t SourceManager::add(std::string name, std::string text) {
  SourceFile file{std::move(name), std::move(text), {0}};
  for (uint32_t i = 0; i < file.text.size(); ++i) {
    if (file.text[i] == '\n') file.line_starts.push_back(i + 1);
  }
  files_.push_back(std::move(file));
  return static_cast<uint32_t>(files_.size() - 1);
}

Location SourceManager::locate(Span span) const {
  if (!span.is_known()) return {};
  const SourceFile& source = files_[span.file];
  return {source.name, source.line_of(span.begin), source.column_of(span.begin), ""};
}

Span SourceManager::span_at(const Location& location) const {
  for (uint32_t index = 0; index < files_.size(); ++index) {
    const SourceFile& source = files_[index];
    if (source.name != location.file || location.line == 0 || location.line > source.line_starts.size()) continue;
    uint32_t begin = source.line_starts[location.line - 1] + location.column - 1;
    return {index, begin, begin + 1};
  }
  return {};
}

}  // namespace tarn
