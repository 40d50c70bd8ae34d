// Files that a run writes: what they may replace, new files under names of their own, and who may save.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "result.h"

namespace tarn::runtime {

// A kind of file that a run writes, told by how it begins.
struct OutputKind {
  const char* name;  // "a checkpoint of a Tarn program"
  bool (*begins_so)(std::string_view start);
  bool may_stream;  // may go to a device or pipe, written in place
};
extern const OutputKind kCheckpointFile, kLogFile, kTraceFile, kNpyFile;

// What a command reads and writes, so that it destroys none of it.  Files are told by device and inode, so links of
// either sort do not hide them.
class RunFiles {
 public:
  // A file that the command reads, and the flag or block that names it.
  void reads(const std::string& path, const std::string& because);
  // An output that is about to be written.  Refused: what is no plain file (unless the kind may stream), a file that
  // the command reads or writes already, a file that is not empty and of another kind.
  Status writes(const std::string& path, const OutputKind& kind, const std::string& flag);

 private:
  struct Use {
    std::string path, because;
  };
  std::vector<Use> uses_;
};

// Whether the file is there and begins as the kind does, or is empty.
bool is_of_kind(const std::string& path, const OutputKind& kind);

// What `path` leads to, there already or not: a link stays a link, and what it points to is written.
std::string real_target(const std::string& path);
std::string directory_of(const std::string& path);

// Whether something is there that is written where it stands: a device, a pipe, or the file that standard output goes to.
bool is_stream(const std::string& path);

// Opens a stream that grows (a log, a trace): a plain file from its start or its end, what is_stream() where it stands.
// A plain file that another process writes so is an error.
Result<std::FILE*> open_stream(const std::string& path, bool append);

// A new file beside `target` under a name that nothing has; it goes away again unless it takes the target's place.
// Errors are errno values; 0 is none.
class NewFile {
 public:
  explicit NewFile(const std::string& target);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  int error() const { return error_; }  // of creating it
  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }
  int release();  // the descriptor, which the caller closes
  int close();
  int take_place();  // renamed over the target

 private:
  std::string target_, path_;
  int descriptor_ = -1, error_ = 0;
  bool is_there_ = false;
};

// The right to save to a file: one process has it at a time, and the system takes it back however the process ends.
// It is a lock on FILE.lock, which holds the process's number.
class SaveLock {
 public:
  SaveLock() = default;
  ~SaveLock();
  SaveLock(const SaveLock&) = delete;
  SaveLock& operator=(const SaveLock&) = delete;

  // An error where another process has it.  Removes what a killed run left half-written beside the file.
  Status take(const std::string& path);

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace tarn::runtime
