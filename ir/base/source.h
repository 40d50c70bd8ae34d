// Source text and places in it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace tarn {

// A half-open range of bytes in one file of a SourceManager.
struct Span {
  uint32_t file = UINT32_MAX;  // index in the SourceManager; UINT32_MAX: no place
  uint32_t begin = 0;
  uint32_t end = 0;

  bool is_known() const { return file != UINT32_MAX; }
};

// A place as people write it; what IR ops carry.
struct Location {
  std::string file;     // as the user named it; empty: made by the compiler
  uint32_t line = 0;    // from 1
  uint32_t column = 0;  // from 1, in bytes
  std::string path;     // binding path of the layer instance, "encoder.fc1"; may be empty

  bool is_known() const { return !file.empty(); }
  std::string text() const;  // "mnist.tarn:7:12", or ""
};

struct SourceFile {
  std::string name;  // as shown in messages
  std::string text;
  std::vector<uint32_t> line_starts;

  uint32_t line_of(uint32_t offset) const;    // from 1
  uint32_t column_of(uint32_t offset) const;  // from 1, in bytes
  std::string_view line_text(uint32_t line) const;
};

// Owns all source files of one compilation; spans stay valid for its lifetime.
class SourceManager {
 public:
  uint32_t add(std::string name, std::string text);
  const SourceFile& file(uint32_t index) const { return files_[index]; }
  size_t file_count() const { return files_.size(); }
  Location locate(Span span) const;
  // The first byte at a location; unknown where its file is none of these.
  Span span_at(const Location& location) const;

 private:
  std::deque<SourceFile> files_;
};

}  // namespace tarn
