// Files that a run writes: what they may replace, new files under names of their own, and who may save.
#include "output_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>

#include "file.h"
#include "text.h"

namespace tarn::runtime {

// ---- what an output may replace

static bool begins(std::string_view start, std::string_view wanted) {
  return start.substr(0, wanted.size()) == wanted;
}

// As safetensors_write.c begins every file; read by the first bytes alone, so that a damaged checkpoint is one too.
static bool begins_as_checkpoint(std::string_view start) {
  return start.size() > 8 && begins(start.substr(8), "{\"__metadata__\":{\"tarn.hash\":\"");
}

const OutputKind kCheckpointFile{"a checkpoint of a Tarn program", begins_as_checkpoint, false};
const OutputKind kLogFile{"the log of a run", [](std::string_view start) { return begins(start, "{\"event\":"); },
                          true};
const OutputKind kTraceFile{"a trace", [](std::string_view start) { return begins(start, "{\"displayTimeUnit\":"); },
                            true};
const OutputKind kNpyFile{"an .npy file", [](std::string_view start) { return begins(start, "\x93NUMPY"); }, true};

bool is_of_kind(const std::string& path, const OutputKind& kind) {
  char start[64];
  int descriptor = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // a pipe without a writer
  if (descriptor < 0) return false;
  ssize_t count = read(descriptor, start, sizeof start);
  ::close(descriptor);
  return count == 0 || (count > 0 && kind.begins_so({start, static_cast<size_t>(count)}));
}

std::string directory_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string real_target(const std::string& path) {
  std::string target = path;
  char link[PATH_MAX];
  // As many as the system follows.
  for (int hop = 0; hop < 40; ++hop) {
    ssize_t length = readlink(target.c_str(), link, sizeof link);
    if (length <= 0) break;
    target = join_path(directory_of(target), std::string(link, static_cast<size_t>(length)));
  }
  return target;
}

// Also of files that are not there yet.
static bool is_same_file(const std::string& a, const std::string& b) {
  struct stat first = {}, second = {};
  bool has_first = stat(a.c_str(), &first) == 0, has_second = stat(b.c_str(), &second) == 0;
  if (has_first || has_second)
    return has_first && has_second && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
  auto name = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
  std::string one = real_target(a), other = real_target(b);
  return name(one) == name(other) && stat(directory_of(one).c_str(), &first) == 0 &&
         stat(directory_of(other).c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

void RunFiles::reads(const std::string& path, const std::string& because) {
  uses_.push_back({path, because});
}

Status RunFiles::writes(const std::string& path, const OutputKind& kind, const std::string& flag) {
  if (kind.may_stream && is_stream(path)) return Done{};
  struct stat facts = {};
  bool is_there = stat(path.c_str(), &facts) == 0;
  auto refuse = [&](const std::string& why) {
    return Error{path + ": " + why + "; name another file with `" + flag + "`"};
  };
  if (is_there && !S_ISREG(facts.st_mode))
    return refuse(S_ISDIR(facts.st_mode) ? "is a directory" : "is not a plain file, and would be replaced");
  for (const Use& use : uses_)
    if (is_same_file(path, use.path)) return refuse("is the file of `" + use.because + "` of this command");
  uses_.push_back({path, flag});
  if (is_there && !is_of_kind(path, kind)) return refuse(std::string("is there already and is not ") + kind.name);
  return Done{};
}

// The one of standard output and standard error that goes to this file, or -1.
static int standard_descriptor(const struct stat& facts) {
  struct stat standard = {};
  for (int descriptor : {STDOUT_FILENO, STDERR_FILENO})
    if (fstat(descriptor, &standard) == 0 && standard.st_dev == facts.st_dev && standard.st_ino == facts.st_ino)
      return descriptor;
  return -1;
}

bool is_stream(const std::string& path) {
  struct stat facts = {};
  if (stat(path.c_str(), &facts) != 0) return false;
  return S_ISCHR(facts.st_mode) || S_ISFIFO(facts.st_mode) || standard_descriptor(facts) >= 0;
}

static Error cannot_write(const std::string& path) {
  return Error{path + ": cannot be written: " + strerror(errno)};
}

Result<std::FILE*> open_stream(const std::string& path, bool append) {
  struct stat facts = {};
  int standard = stat(path.c_str(), &facts) == 0 ? standard_descriptor(facts) : -1;
  int descriptor = standard >= 0 ? fcntl(standard, F_DUPFD_CLOEXEC, 3)
                                 : open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : 0), 0666);
  if (descriptor < 0) return cannot_write(path);
  bool is_plain = standard < 0 && fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode);
  if (is_plain && flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor);
    return Error{path + ": another run writes there; give each run a file of its own"};
  }
  bool is_ready = !is_plain || append || ftruncate(descriptor, 0) == 0;
  std::FILE* file = is_ready ? fdopen(descriptor, append ? "a" : "w") : nullptr;
  if (file != nullptr) return file;
  Error error = cannot_write(path);
  ::close(descriptor);
  return error;
}

// ---- new files

NewFile::NewFile(const std::string& target) : target_(target) {
  static std::atomic<unsigned> counter = 0;
  // O_EXCL creates a file of our own or nothing: a link that somebody put there is not followed.  Names are taken only
  // by what a killed process of our number left.
  for (int attempt = 0; attempt < 100; ++attempt) {
    path_ = format("%s.tmp-%d-%u", target.c_str(), static_cast<int>(getpid()), counter++);
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    error_ = descriptor_ < 0 ? errno : 0;
    is_there_ = descriptor_ >= 0;
    if (error_ != EEXIST) return;
  }
}

NewFile::~NewFile() {
  close();
  if (is_there_) unlink(path_.c_str());
}

int NewFile::release() {
  return std::exchange(descriptor_, -1);
}

int NewFile::close() {
  int descriptor = std::exchange(descriptor_, -1);
  return descriptor >= 0 && ::close(descriptor) != 0 ? errno : 0;
}

int NewFile::take_place() {
  if (rename(path_.c_str(), target_.c_str()) != 0) return errno;
  is_there_ = false;
  return 0;
}

// ---- the right to save

// FILE.tmp-7-0 and FILE.epoch-3.tmp-7-0: who has the lock is the only one who makes them.
static void remove_leftovers(const std::string& target) {
  std::string name = target.substr(target.rfind('/') + 1);
  auto is_temporary = [](std::string_view text) {
    return text.find_first_not_of("0123456789-") == std::string_view::npos;
  };
  Result<std::vector<std::string>> names = list_directory(directory_of(target));
  if (!names) return;
  for (const std::string& candidate : *names) {
    size_t at = candidate.rfind(".tmp-");
    if (at == std::string::npos || !begins(candidate, name) || !is_temporary(candidate.substr(at + 5))) continue;
    std::string_view middle = std::string_view(candidate).substr(name.size(), at - std::min(at, name.size()));
    if (middle.empty() || begins(middle, ".epoch-") || begins(middle, ".step-"))
      unlink(join_path(directory_of(target), candidate).c_str());
  }
}

static std::string holder_of(int descriptor) {
  char text[16];
  ssize_t count = pread(descriptor, text, sizeof text, 0);
  std::string number(text, count > 0 ? static_cast<size_t>(count) : 0);
  number.resize(std::min(number.find_first_not_of("0123456789"), number.size()));
  return number.empty() ? "another run" : "another run (process " + number + ")";
}

Status SaveLock::take(const std::string& path) {
  std::string target = real_target(path);
  path_ = target + ".lock";
  for (;;) {
    descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (descriptor_ < 0) return Error{path + ": cannot save there: " + path_ + ": " + strerror(errno)};
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      std::string message = path + ": " + holder_of(descriptor_) +
                            " saves there; give each run a file of its own: `--save OTHER.safetensors`";
      ::close(std::exchange(descriptor_, -1));
      return Error{message};
    }
    // The one before may have removed the file between the two calls; a lock on a file without a name locks nothing.
    struct stat locked = {}, named = {};
    if (fstat(descriptor_, &locked) == 0 && stat(path_.c_str(), &named) == 0 && locked.st_ino == named.st_ino) break;
    ::close(std::exchange(descriptor_, -1));
  }
  std::string number = std::to_string(getpid()) + "\n";
  if (ftruncate(descriptor_, 0) != 0 || pwrite(descriptor_, number.data(), number.size(), 0) < 0) {
    // The number is for messages only.
  }
  remove_leftovers(target);
  return Done{};
}

SaveLock::~SaveLock() {
  if (descriptor_ < 0) return;
  unlink(path_.c_str());  // before it is given back
  ::close(descriptor_);
}

}  // namespace tarn::runtime
