// Files, by POSIX calls whose errors can be told apart.
#include "driver/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <climits>
#include <cstring>
#include <vector>

namespace tarn {

namespace {

// A file that this command has read or written: the command's own record, for refuse_to_replace.
struct UsedFile {
  dev_t device;
  ino_t inode;
  std::string_view how;
};

std::vector<UsedFile>& used_files() {
  static std::vector<UsedFile> files;
  return files;
}

void remember(int descriptor, std::string_view how) {
  struct stat info;
  if (fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode)) used_files().push_back({info.st_dev, info.st_ino, how});
}

}  // namespace

Result<std::string> read_file(const std::string& path, InputCheck check) {
  int descriptor = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Error{fmt::format("cannot read `{}`: {}", path, std::strerror(errno)), "file.read"};
  remember(descriptor, "reads");
  std::string text;
  std::optional<std::string> fault;
  char buffer[1 << 16];
  ssize_t count = 0;
  while (!fault && (count = read(descriptor, buffer, sizeof buffer)) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    size_t known = text.size();
    text.append(buffer, static_cast<size_t>(count));
    fault = check(path, text, known);
  }
  int error = count < 0 ? errno : 0;
  if (descriptor != STDIN_FILENO) close(descriptor);
  if (fault) return Error{*fault, "file.read"};
  if (error) return Error{fmt::format("cannot read `{}`: {}", path, std::strerror(error)), "file.read"};
  return text;
}

static bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t count = write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

std::optional<Error> refuse_to_replace(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return std::nullopt;
  auto refusal = [&](std::string_view why) {
    return Error{fmt::format("cannot write `{}`: {}; choose another name", path, why), "file.replace"};
  };
  if (S_ISDIR(info.st_mode)) return refusal("it is a directory");
  if (!S_ISREG(info.st_mode)) return refusal("it is not a plain file, and would be replaced");
  for (const UsedFile& used : used_files()) {
    if (used.device == info.st_dev && used.inode == info.st_ino) {
      return refusal(fmt::format("it is a file that this command {}", used.how));
    }
  }
  return std::nullopt;
}

// A descriptor for what is written where it is, or -1.
static int open_in_place(const std::string& path) {
  struct stat info, standard;
  if (path == "-") return dup(STDOUT_FILENO);
  if (stat(path.c_str(), &info) != 0) return -1;
  for (int descriptor : {STDOUT_FILENO, STDERR_FILENO}) {
    if (fstat(descriptor, &standard) == 0 && standard.st_dev == info.st_dev && standard.st_ino == info.st_ino)
      return dup(descriptor);
  }
  return S_ISCHR(info.st_mode) || S_ISFIFO(info.st_mode) ? open(path.c_str(), O_WRONLY | O_CLOEXEC) : -1;
}

std::string target_of(const std::string& path) {
  std::string target = path;
  char link[PATH_MAX];
  // As many as the system follows.
  for (int hop = 0; hop < 40; ++hop) {
    ssize_t length = readlink(target.c_str(), link, sizeof link);
    if (length <= 0) break;
    size_t slash = link[0] == '/' ? std::string::npos : target.find_last_of('/');
    target.resize(slash == std::string::npos ? 0 : slash + 1);
    target.append(link, static_cast<size_t>(length));
  }
  return target;
}

// O_EXCL creates a file of our own or nothing: a link that somebody put there is not followed.
static int create_beside(const std::string& target, std::string& path) {
  int descriptor = -1;
  for (int attempt = 0; attempt < 100; ++attempt) {
    path = fmt::format("{}.tmp-{}-{}", target, getpid(), attempt);
    descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) break;
  }
  return descriptor;
}

std::optional<Error> write_file(const std::string& path, std::string_view bytes) {
  auto failure = [&] { return Error{fmt::format("cannot write `{}`: {}", path, std::strerror(errno)), "file.write"}; };
  if (int descriptor = open_in_place(path); descriptor >= 0) {
    bool written = write_all(descriptor, bytes);
    std::optional<Error> error = written ? std::nullopt : std::optional(failure());
    close(descriptor);
    return error;
  }
  if (std::optional<Error> refusal = refuse_to_replace(path)) return refusal;
  std::string target = target_of(path), temporary;
  int descriptor = create_beside(target, temporary);
  if (descriptor < 0) return failure();
  bool written = write_all(descriptor, bytes);
  remember(descriptor, "writes too");
  written = close(descriptor) == 0 && written;
  if (written && rename(temporary.c_str(), target.c_str()) == 0) return std::nullopt;
  Error error = failure();
  unlink(temporary.c_str());
  return error;
}

std::string stem_of(const std::string& path) {
  if (path == "-") return "model";
  size_t slash = path.find_last_of('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  size_t dot = name.find_last_of('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

std::string identifier_of(std::string_view name) {
  std::string identifier;
  for (char c : name) identifier += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  if (identifier.empty() || std::isdigit(static_cast<unsigned char>(identifier[0]))) identifier.insert(0, "model_");
  return identifier;
}

}  // namespace tarn
