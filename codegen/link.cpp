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
#include <csignal>
#include <cstdlib>
#include <cstring>

extern char** environ;

namespace tarn {

namespace {

std::string directory_of(const std::string& path) {
  size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// The absolute path, where there is one.
std::string absolute(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) ? resolved : path;
}

// A directory of our own beside the output, in which the tools run: they see names of ours alone, so that no name of the
// user's can be an option, or be cut at a space or quote.  It goes away again with what is in it.  Signals that end the
// command wait until then; the tools get them at once, fail, and so bring that about.
class Workshop {
 public:
  explicit Workshop(const std::string& output)
      : output_(output), path_(absolute(directory_of(output_)) + "/.tarn-XXXXXX") {
    sigset_t ending;
    sigemptyset(&ending);
    for (int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ending, number);
    sigprocmask(SIG_BLOCK, &ending, &mask_before_);
    is_there_ = mkdtemp(path_.data()) != nullptr;
    if (!is_there_) error_ = failure(output_);
  }
  ~Workshop() {
    for (const std::string& name : names_) unlink(at(name).c_str());
    if (is_there_) rmdir(path_.c_str());
    sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  const std::string& path() const { return path_; }
  const sigset_t& mask_before() const { return mask_before_; }
  // The first thing that went wrong; the functions below do nothing from then on.
  const std::optional<Error>& error() const { return error_; }

  // A file that a tool is going to make.
  void expect(const std::string& name) { names_.push_back(name); }

  void write(const std::string& name, std::string_view bytes) {
    if (error_) return;
    expect(name);
    int file = open(at(name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    bool good = file >= 0;
    while (good && !bytes.empty()) {
      ssize_t count = ::write(file, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      good = count >= 0;
      if (good) bytes.remove_prefix(static_cast<size_t>(count));
    }
    int code = errno;
    if (file >= 0 && close(file) != 0) good = false;
    errno = code;
    if (!good) error_ = failure(output_);
  }

  // A name of ours for a file elsewhere.
  void link(const std::string& name, const std::string& target) {
    if (error_) return;
    expect(name);
    if (symlink(absolute(target).c_str(), at(name).c_str()) != 0) error_ = failure(target);
  }

  void run(const std::vector<std::string>& command, const std::string& input);

  // The result takes the output's place.
  void deliver(const std::string& name) {
    if (!error_ && rename(at(name).c_str(), output_.c_str()) != 0) error_ = failure(output_);
  }

 private:
  static Error failure(const std::string& path) {
    return Error{fmt::format("cannot write `{}`: {}", path, std::strerror(errno)), "link.write"};
  }
  std::string at(const std::string& name) const { return path_ + "/" + name; }

  std::string output_, path_;
  std::vector<std::string> names_;
  std::optional<Error> error_;
  sigset_t mask_before_;
  bool is_there_ = false;
};

std::string tool(const char* variable, const char* otherwise) {
  const char* chosen = std::getenv(variable);
  std::string name = chosen && *chosen ? chosen : otherwise;
  // A path leads from here, not from the directory in which the tool runs.
  return name.find('/') == std::string::npos ? name : absolute(name);
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

// Runs a command in `directory`, with `input_path` as its standard input; fails with what it printed.
std::optional<Error> run_tool(const std::vector<std::string>& command, const std::string& directory,
                              const std::string& input_path, const sigset_t& mask) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int output[2];
  if (pipe2(output, O_CLOEXEC) != 0)
    return Error{fmt::format("cannot make a pipe: {}", std::strerror(errno)), "link.run"};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  posix_spawn_file_actions_addopen(&actions, 0, input_path.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output[1], 1);
  posix_spawn_file_actions_adddup2(&actions, output[1], 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &mask);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  int error = posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
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

void Workshop::run(const std::vector<std::string>& command, const std::string& input) {
  if (!error_) error_ = run_tool(command, path_, input, mask_before_);
}

}  // namespace

std::optional<Error> link_executable(std::string_view object, const std::string& output, const LinkOptions& options) {
  Workshop workshop(output);
  workshop.write("model.o", object);
  workshop.link("runtime.a", options.runtime);
  workshop.expect("program");
  std::vector<std::string> command = {tool("CC", "cc"),
                                      "-o",
                                      "program",
                                      "model.o",
                                      "runtime.a",
                                      "-static-libgcc",
                                      "-Wl,--gc-sections",
                                      "-Wl,--as-needed",
                                      "-l:libstdc++.a",
                                      "-l:libz.a",
                                      "-lm",
                                      "-lpthread"};
  if (options.strip) command.push_back("-s");
  workshop.run(command, "/dev/null");
  workshop.deliver("program");
  return workshop.error();
}

// By an MRI script, which can add an archive's members to another:
// https://sourceware.org/binutils/docs/binutils/ar-scripts.html
std::optional<Error> write_library(std::string_view object, const std::string& output, const LinkOptions& options) {
  Workshop workshop(output);
  workshop.write("model.o", object);
  workshop.link("runtime.a", options.runtime);
  workshop.write("script", "create library.a\naddlib runtime.a\naddmod model.o\nsave\nend\n");
  workshop.expect("library.a");
  workshop.run({tool("AR", "ar"), "-M"}, "script");
  workshop.deliver("library.a");
  return workshop.error();
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
