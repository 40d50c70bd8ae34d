// Programs as C source, compiled by the C compilers of this machine into libraries that are loaded into this process.
//
// TARN_C_COMPILERS: the commands instead of those below, separated by semicolons; "gcc -O3;clang -O0".
#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "codegen/target/c/emit/emit_c.h"
#include "tests/codegen_cpu/run_kernel.h"

namespace tarn::testing {

namespace {

// What every compiler is asked: a warning is an error.
constexpr const char* kStrict = "-std=c99 -pedantic -Wall -Wextra -Werror -fPIC -shared";

class LoadedLibrary final : public JitProgram {
 public:
  LoadedLibrary(void* library, const tarn_program* program) : library_(library), program_(program) {}
  ~LoadedLibrary() override { dlclose(library_); }
  const tarn_program* program() const override { return program_; }

 private:
  void* library_;
  const tarn_program* program_;
};

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// A folder of this process, removed at its end.
class Workshop {
 public:
  Workshop() : folder_(std::filesystem::temp_directory_path() / fmt::format("tarn_c_{}", getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~Workshop() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  // The library's path, or an error with what the compiler said.
  Result<std::string> compile(const std::string& source, const std::string& compiler) {
    auto [known, is_new] = libraries_.try_emplace(compiler + "\n" + source);
    if (!is_new) return known->second;
    std::string stem = (folder_ / fmt::format("p{}", libraries_.size())).string();
    std::ofstream(stem + ".c", std::ios::binary) << source;
    std::string command = fmt::format("{0} {1} -o {2}.so {2}.c -lm 2> {2}.log", compiler, kStrict, stem);
    if (std::system(command.c_str()) != 0) {
      return Error{fmt::format("{} does not compile:\n{}\n{}", compiler, text_of(stem + ".log"), source)};
    }
    return known->second = stem + ".so";
  }

 private:
  std::filesystem::path folder_;
  std::map<std::string, std::string> libraries_;
};

}  // namespace

static const char* chosen_compilers() {
  return std::getenv("TARN_C_COMPILERS");
}

static std::vector<std::string> find_compilers() {
  // The first stops at undefined behaviour, the second vectorises.
  const char* chosen = chosen_compilers();
  std::istringstream commands(chosen ? chosen
                                     : "gcc -O0 -fsanitize=undefined -fsanitize-undefined-trap-on-error;"
                                       "clang -O2 -march=native");
  std::vector<std::string> result;
  for (std::string command; std::getline(commands, command, ';');) {
    std::string probe = fmt::format("command -v {} > /dev/null", command.substr(0, command.find(' ')));
    if (std::system(probe.c_str()) == 0) result.push_back(command);
  }
  return result;
}

std::vector<std::string> runnable_cpus() {
  static const std::vector<std::string> compilers = find_compilers();
  return compilers;
}

std::vector<std::string> next_cpus() {
  static size_t turn = 0;
  std::vector<std::string> all = runnable_cpus();
  if (chosen_compilers() || all.empty()) return all;
  return {all[turn++ % all.size()]};
}

Result<std::unique_ptr<JitProgram>> compile_program(const Program& program, const TargetOptions& options) {
  // In a child of this process (fork) the folder has another name: made again.
  static std::map<pid_t, Workshop> workshops;
  c_source::SourceOptions source;
  source.program_symbol = options.program_symbol;
  source.origin = "a test";
  source.is_freestanding = std::getenv("TARN_C_FREESTANDING") != nullptr;
  Result<std::string> path = workshops[getpid()].compile(c_source::emit_c(program, source), options.cpu);
  if (!path) return path.error();
  void* library = dlopen(path->c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return Error{dlerror()};
  const auto* table = static_cast<const tarn_program*>(dlsym(library, options.program_symbol.c_str()));
  if (!table) return Error{fmt::format("no symbol {}", options.program_symbol)};
  return std::unique_ptr<JitProgram>(std::make_unique<LoadedLibrary>(library, table));
}

}  // namespace tarn::testing
