// Files of checkpoints: writing so that the old one survives anything, reading with every claim checked.
#include "checkpoint_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "file.h"
#include "output_file.h"
#include "text.h"

namespace tarn::runtime {

static int write_all(int descriptor, const char* bytes, size_t count) {
  while (count > 0) {
    ssize_t done = write(descriptor, bytes, count);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    if (done == 0) return ENOSPC;
    bytes += done;
    count -= static_cast<size_t>(done);
  }
  return 0;
}

// Collects small writes.
struct FileSink {
  int descriptor;
  size_t held = 0;
  char buffer[1 << 16];

  static int put(void* user, const void* bytes, size_t count) {
    auto* sink = static_cast<FileSink*>(user);
    if (sink->held + count > sizeof sink->buffer) {
      if (int code = sink->flush(); code != 0) return code;
    }
    if (count > sizeof sink->buffer) return write_all(sink->descriptor, static_cast<const char*>(bytes), count);
    memcpy(sink->buffer + sink->held, bytes, count);
    sink->held += count;
    return 0;
  }
  int flush() { return write_all(descriptor, buffer, std::exchange(held, 0)); }
};

static int sync_directory(const std::string& directory) {
  int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  int code = fsync(descriptor) != 0 ? errno : 0;
  close(descriptor);
  return code == EINVAL ? 0 : code;  // some file systems cannot sync a directory
}

static int write_and_sync(NewFile& file, const tarn_st_content& content) {
  if (file.error() != 0) return file.error();
  FileSink sink{file.descriptor(), 0, {}};
  int code = tarn_st_save(&content, FileSink::put, &sink);
  if (code == 0) code = sink.flush();
  if (code == 0 && fsync(sink.descriptor) != 0) code = errno;
  int closing = file.close();
  return code != 0 ? code : closing;
}

Status write_checkpoint(const std::string& path, const tarn_st_content& content) {
  std::string target = real_target(path);
  NewFile file(target);
  int code = write_and_sync(file, content);
  std::string why;
  if (code == 0) {
    Result<CheckpointFile> written = CheckpointFile::open(file.path());
    if (!written) why = "what was written does not read back: " + written.error().message;
  }
  if (code == 0 && why.empty()) code = file.take_place();
  if (code != 0) why = strerror(code);
  if (!why.empty()) return Error{path + ": cannot be saved: " + why};
  code = sync_directory(directory_of(target));
  if (code != 0) return Error{path + ": saved, but its directory cannot be synced: " + strerror(code)};
  return Done{};
}

Status check_writable(const std::string& path, uint64_t bytes, int64_t files) {
  std::string target = real_target(path);
  NewFile probe(target);
  if (probe.error() != 0) return Error{path + ": cannot save there: " + strerror(probe.error())};
  struct statvfs space = {};
  if (fstatvfs(probe.descriptor(), &space) != 0) return Done{};
  uint64_t free_bytes = uint64_t{space.f_bavail} * space.f_frsize, needed = 0;
  // The new file and those that are kept lie side by side for a moment; one that is there already gives its place.
  uint64_t most = static_cast<uint64_t>(files) + (file_exists(target) ? 0 : 1);
  if (__builtin_mul_overflow(bytes, most, &needed)) needed = UINT64_MAX;
  if (free_bytes >= needed) return Done{};
  return Error{
      format("%s: cannot save there: %llu checkpoints of %llu bytes lie there at a time, the disk has %llu free",
             path.c_str(), static_cast<unsigned long long>(most), static_cast<unsigned long long>(bytes),
             static_cast<unsigned long long>(free_bytes))};
}

CheckpointFile::CheckpointFile(CheckpointFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      entries_(std::move(other.entries_)),
      by_name_(std::move(other.by_name_)),
      metadata_(std::move(other.metadata_)),
      duplicate_(other.duplicate_) {}

CheckpointFile::~CheckpointFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

static int read_at(int descriptor, uint64_t offset, void* bytes, size_t count) {
  size_t done = 0;
  while (done < count) {
    ssize_t got = pread(descriptor, static_cast<char*>(bytes) + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    done += static_cast<size_t>(got);
  }
  return 0;
}

Status CheckpointFile::check_layout() const {
  if (duplicate_) return Error{path_ + ": names a tensor or a metadata key twice"};
  std::vector<const Entry*> order;
  for (const Entry& entry : entries_) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) { return a->begin < b->begin; });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->begin < order[i - 1]->end && order[i]->end > order[i]->begin)
      return Error{path_ + ": tensors `" + order[i - 1]->name + "` and `" + order[i]->name + "` overlap"};
  return Done{};
}

Result<CheckpointFile> CheckpointFile::open(const std::string& path) {
  CheckpointFile file;
  file.path_ = path;
  file.descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts = {};
  if (file.descriptor_ < 0 || fstat(file.descriptor_, &facts) != 0)
    return Error{path + ": cannot be opened: " + strerror(errno)};
  if (!S_ISREG(facts.st_mode)) return Error{path + ": is not a plain file"};
  tarn_st_source source{&file.descriptor_, static_cast<uint64_t>(facts.st_size),
                        [](void* user, uint64_t offset, void* bytes, size_t count) {
                          return read_at(*static_cast<int*>(user), offset, bytes, count);
                        }};
  tarn_st_visitor visitor{&file,
                          [](void* user, const tarn_st_entry* found) {
                            auto& self = *static_cast<CheckpointFile*>(user);
                            Entry entry{found->name, found->dtype, {}, found->begin, found->end};
                            for (uint32_t axis = 0; axis < found->rank; ++axis)
                              entry.shape.push_back(static_cast<int64_t>(found->shape[axis]));
                            if (!self.by_name_.emplace(entry.name, self.entries_.size()).second) self.duplicate_ = true;
                            self.entries_.push_back(std::move(entry));
                            return self.duplicate_ ? 1 : 0;
                          },
                          [](void* user, const char* key, const char* value) {
                            auto& self = *static_cast<CheckpointFile*>(user);
                            if (!self.metadata_.emplace(key, value).second) self.duplicate_ = true;
                            return self.duplicate_ ? 1 : 0;
                          }};
  tarn_st_info info;
  int code = tarn_st_scan(&source, &visitor, &info);
  if (Status status = file.check_layout(); !status) return status.error();
  if (code == 0) code = tarn_st_check_hash(&source, &info);
  if (code != 0)
    return Error{format("%s: byte %llu: %s", path.c_str(), static_cast<unsigned long long>(info.error_offset),
                        info.error != nullptr ? info.error : "malformed")};
  return file;
}

const CheckpointFile::Entry* CheckpointFile::find(const std::string& name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &entries_[found->second];
}

std::string CheckpointFile::metadata(const std::string& key) const {
  auto found = metadata_.find(key);
  return found == metadata_.end() ? "" : found->second;
}

Status CheckpointFile::read(const Entry& entry, void* to) const {
  if (read_at(descriptor_, entry.begin, to, entry.end - entry.begin) == 0) return Done{};
  return Error{path_ + ": tensor `" + entry.name + "` cannot be read"};
}

}  // namespace tarn::runtime
