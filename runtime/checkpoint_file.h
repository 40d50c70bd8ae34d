// Files of checkpoints: writing so that the old one survives anything, reading with every claim checked.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "result.h"
#include "safetensors.h"

namespace tarn::runtime {

// Writes `content` to `path`: a new file beside it, fsync, read back and checked against its hash, renamed over `path`,
// directory fsynced.  On an error `path` is as before and the new file is gone.
Status write_checkpoint(const std::string& path, const tarn_st_content& content);

// Whether write_checkpoint of so many bytes would work where `files` of them are kept: found out before hours of
// training, not after.
Status check_writable(const std::string& path, uint64_t bytes, int64_t files);

// An open checkpoint whose header and hash are checked; entries are free of duplicates and overlaps.
class CheckpointFile {
 public:
  struct Entry {
    std::string name, dtype;
    std::vector<int64_t> shape;
    uint64_t begin, end;
  };

  static Result<CheckpointFile> open(const std::string& path);
  CheckpointFile(CheckpointFile&& other) noexcept;
  ~CheckpointFile();

  const std::string& path() const { return path_; }
  const std::vector<Entry>& entries() const { return entries_; }
  const Entry* find(const std::string& name) const;
  // A metadata string, or "".
  std::string metadata(const std::string& key) const;
  const std::map<std::string, std::string>& all_metadata() const { return metadata_; }
  Status read(const Entry& entry, void* to) const;

 private:
  CheckpointFile() = default;
  Status check_layout() const;

  std::string path_;
  int descriptor_ = -1;
  std::vector<Entry> entries_;
  std::map<std::string, size_t> by_name_;
  std::map<std::string, std::string> metadata_;
  bool duplicate_ = false;
};

}  // namespace tarn::runtime
