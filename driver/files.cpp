// Files, by POSIX calls whose errors can be told apart.
#include "driver/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstring>

namespace tarn {

Result<std::string> read_file(const std::string& path) {
  int descriptor = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Error{fmt::format("cannot read `{}`: {}", path, std::strerror(errno)), "file.read"};
  std::string text;
  char buffer[1 << 16];
  ssize_t count = 0;
  while ((count = read(descriptor, buffer, sizeof buffer)) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  int error = count < 0 ? errno : 0;
  if (descriptor != STDIN_FILENO) close(descriptor);
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

std::optional<Error> write_file(const std::string& path, std::string_view bytes) {
  auto failure = [&] { return Error{fmt::format("cannot write `{}`: {}", path, std::strerror(errno)), "file.write"}; };
  if (path == "-") return write_all(STDOUT_FILENO, bytes) ? std::nullopt : std::optional(failure());
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {  // a device or a pipe has no name to take over
    int descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    bool written = descriptor >= 0 && write_all(descriptor, bytes);
    std::optional<Error> error = written ? std::nullopt : std::optional(failure());
    if (descriptor >= 0) close(descriptor);
    return error;
  }
  std::string temporary = fmt::format("{}.tmp{}", path, getpid());
  int descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return failure();
  bool written = write_all(descriptor, bytes);
  written = close(descriptor) == 0 && written;
  if (written && rename(temporary.c_str(), path.c_str()) == 0) return std::nullopt;
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
