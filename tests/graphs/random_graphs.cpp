// Tries random graphs until told to stop, and leaves a small text of each that fails a check.
//   random_graphs --graphs 10000 --seed 1
// Each graph runs in a process of its own, so that a crash is a failure like others.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>

#include "ir/print.h"
#include "tests/codegen_cpu/run_kernel.h"
#include "tests/graphs/graph_checks.h"
#include "tests/graphs/kept_graph.h"
#include "tests/graphs/reduce_graph.h"
#include "tests/random_graph.h"

namespace tarn {
namespace {

struct Settings {
  uint64_t graphs = 100, seed = 1;
  std::vector<std::string> checks;  // none: all
  std::string keep = TARN_SOURCE_DIR "/tests/graphs/kept";
  bool reduce = true, print = false;
};

// What `work` returns, computed in a child process; where it ended early, what it said on stderr.
std::string in_child(const std::function<std::string()>& work) {
  int ends[2];
  if (pipe(ends) != 0) return "!no pipe";
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    alarm(120);
    std::string text = work();
    bool is_written = write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    _exit(is_written ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t size; (size = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(size));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status == 0) return text;
  return fmt::format("!ended with {}: {}", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), text);
}

std::string cpu_of(uint64_t seed) {
  static const std::vector<std::string> cpus = testing::runnable_cpus();
  return cpus[seed % cpus.size()];
}

// "" where it holds, "?" where the graph says nothing, else what is wrong; "!.." for a crash.
std::string outcome(const GraphCheck& check, const Module& module, uint64_t seed) {
  return in_child([&] {
    Verdict verdict = check.run(module, seed, cpu_of(seed));
    return verdict.is_unstable ? "?" : verdict.wrong;
  });
}

class Hunt {
 public:
  explicit Hunt(const Settings& settings) : settings_(settings) {}

  int run() {
    auto start = std::chrono::steady_clock::now();
    for (uint64_t seed = settings_.seed; seed < settings_.seed + settings_.graphs; ++seed) {
      for (const GraphCheck& check : graph_checks()) {
        const std::vector<std::string>& wanted = settings_.checks;
        bool is_wanted = std::find(wanted.begin(), wanted.end(), check.name) != wanted.end();
        if (wanted.empty() ? seed % check.every == 0 : is_wanted) try_graph(check, seed);
      }
    }
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    fmt::print("{} graphs in {:.0f} s, {} failures\n", settings_.graphs, seconds.count(), failures_);
    for (const auto& [name, count] : unstable_) fmt::print("  {}: {} say nothing\n", name, count);
    uint64_t silent = 0;
    for (const auto& [name, count] : unstable_) silent += count;
    return failures_ == 0 && silent <= tried_ / 20 ? 0 : 1;
  }

 private:
  void try_graph(const GraphCheck& check, uint64_t seed) {
    Module module = random_module(seed, {.differentiable = check.is_differentiable, .halves = seed % 4 == 3});
    if (settings_.print) fmt::print("{}", print(module));
    ++tried_;
    std::string found = outcome(check, module, seed);
    if (found.empty()) return;
    if (found == "?") {
      ++unstable_[std::string(check.name)];
      return;
    }
    ++failures_;
    fmt::print("seed {}, {}: {}\n", seed, check.name, found);
    std::fflush(stdout);
    if (settings_.reduce) keep(check, std::move(module), seed, found[0] == '!');
  }

  void keep(const GraphCheck& check, Module module, uint64_t seed, bool crashes) {
    Module small = reduce_graph(std::move(module), [&](const Module& candidate) {
      std::string now = outcome(check, candidate, seed);
      return !now.empty() && now != "?" && (now[0] == '!') == crashes;
    });
    std::string text = kept_text(small, seed, fmt::format("{}: {}", check.name, outcome(check, small, seed)));
    std::filesystem::create_directories(settings_.keep);
    std::string path = fmt::format("{}/{}-{}.tarnir", settings_.keep, check.name, seed);
    std::ofstream(path, std::ios::binary) << text;
    fmt::print("{}\n{}\n", path, text);
    std::fflush(stdout);
  }

  Settings settings_;
  uint64_t failures_ = 0, tried_ = 0;
  std::map<std::string, uint64_t> unstable_;
};

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  tarn::Settings settings;
  CLI::App app("Random graphs through every check; exits with 1 where one failed");
  app.add_option("--graphs", settings.graphs, "how many")->capture_default_str();
  app.add_option("--seed", settings.seed, "of the first; the others follow")->capture_default_str();
  app.add_option("--check", settings.checks, "only these checks");
  app.add_option("--keep", settings.keep, "where reduced graphs go")->capture_default_str();
  app.add_flag("!--no-reduce", settings.reduce, "tell failures, keep none");
  app.add_flag("--print", settings.print, "print each graph");
  CLI11_PARSE(app, argc, argv);
  return tarn::Hunt(settings).run();
}
