// Runs the system's linker and archiver.
#include "codegen/link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

extern char** environ;

namespace tarn {

namespace {

// A file that is removed again, unless it was renamed to where it belongs.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& beside, std::string_view suffix)
      : path_(fmt::format("{}.tmp{}{}", beside, getpid(), suffix)) {}
  ~TemporaryFile() { unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }

  std::optional<Error> write(std::string_view bytes) const {
    int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool good = file >= 0;
    while (good && !bytes.empty()) {
      ssize_t count = ::write(file, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      good = count >= 0;
      if (good) bytes.remove_prefix(static_cast<size_t>(count));
    }
    int error = errno;
    if (file >= 0 && close(file) != 0) good = false;
    if (good) return std::nullopt;
    return Error{fmt::format("cannot write `{}`: {}", path_, std::strerror(error)), "link.write"};
  }

  std::optional<Error> move_to(const std::string& target) const {
    if (rename(path_.c_str(), target.c_str()) == 0) return std::nullopt;
    return Error{fmt::format("cannot write `{}`: {}", target, std::strerror(errno)), "link.write"};
  }

 private:
  std::string path_;
};

std::string tool(const char* variable, const char* otherwise) {
  const char* chosen = std::getenv(variable);
  return chosen && *chosen ? chosen : otherwise;
}

std::string read_all(int file) {
  std::string text;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = read(file, buffer, sizeof buffer)) > 0 || (count < 0 && errno == EINTR)) {
    if (count > 0) text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

// Runs a command, with `input` as its standard input; fails with what it printed.
std::optional<Error> run(const std::vector<std::string>& command, const std::string& input_path) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int output[2];
  if (pipe2(output, O_CLOEXEC) != 0)
    return Error{fmt::format("cannot make a pipe: {}", std::strerror(errno)), "link.run"};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, input_path.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output[1], 1);
  posix_spawn_file_actions_adddup2(&actions, output[1], 2);
  pid_t child = 0;
  int error = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(output[1]);
  std::string said = error == 0 ? read_all(output[0]) : "";
  close(output[0]);
  if (error != 0) {
    return Error{
        fmt::format("cannot run `{}`: {}; programs are linked by the system's C compiler and binutils: install "
                    "gcc, or name another in CC and AR",
                    command[0], std::strerror(error)),
        "link.tool"};
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
  return Error{fmt::format("`{}` failed:\n{}", fmt::join(command, " "), said), "link.failed"};
}

}  // namespace

std::optional<Error> link_executable(std::string_view object, const std::string& output, const LinkOptions& options) {
  TemporaryFile object_file(output, ".o"), linked(output, "");
  if (std::optional<Error> error = object_file.write(object)) return error;
  std::vector<std::string> command = {tool("CC", "cc"),
                                      "-o",
                                      linked.path(),
                                      object_file.path(),
                                      options.runtime,
                                      "-static-libgcc",
                                      "-Wl,--gc-sections",
                                      "-Wl,--as-needed",
                                      "-l:libstdc++.a",
                                      "-l:libz.a",
                                      "-lm",
                                      "-lpthread"};
  if (options.strip) command.push_back("-s");
  if (std::optional<Error> error = run(command, "/dev/null")) return error;
  return linked.move_to(output);
}

// By an MRI script, which can add an archive's members to another:
// https://sourceware.org/binutils/docs/binutils/ar-scripts.html
std::optional<Error> write_library(std::string_view object, const std::string& output, const LinkOptions& options) {
  TemporaryFile object_file(output, ".o"), script(output, ".mri"), archive(output, ".a");
  if (std::optional<Error> error = object_file.write(object)) return error;
  std::string text = fmt::format("create \"{}\"\naddlib \"{}\"\naddmod \"{}\"\nsave\nend\n", archive.path(),
                                 options.runtime, object_file.path());
  if (std::optional<Error> error = script.write(text)) return error;
  if (std::optional<Error> error = run({tool("AR", "ar"), "-M"}, script.path())) return error;
  return archive.move_to(output);
}

Result<std::string> find_runtime(const std::string& name) {
  char self[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self);
  std::string directory(self, length > 0 ? static_cast<size_t>(length) : 0);
  directory.resize(directory.find_last_of('/') == std::string::npos ? 0 : directory.find_last_of('/'));
  for (std::string_view place : {"../runtime", TARN_ARCHIVES_FROM_COMMAND}) {
    std::string path = fmt::format("{}/{}/{}", directory, place, name);
    if (access(path.c_str(), R_OK) == 0) return path;
  }
  return Error{fmt::format("cannot find `{}` near `{}`; it is built and installed together with the `tarn` command",
                           name, directory),
               "link.runtime"};
}

}  // namespace tarn
