// What the command line asks for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tarn {

// Process exit codes of `tarn`.
inline constexpr int kExitOk = 0;
inline constexpr int kExitDiagnostics = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInternal = 70;

// Options of every command that compiles.
struct CompileOptions {
  std::string input;                           // a .tarn or IR file, or "-"
  std::map<std::string, std::string> defines;  // -D NAME=VALUE
  std::optional<int64_t> batch;                // --batch
  int opt_level = 2;
  std::string target = "cpu";  // name of a record of codegen/target
  std::string cpu = "native";
  std::string stop_after;  // pass name
  std::string dump_dir;
  bool verify_each = true;
  bool timings = false;
  bool json_diagnostics = false;
  bool warnings_are_errors = false;
};

struct BuildOptions {
  CompileOptions compile;
  std::string output;  // -o
  std::string emit;    // kind of an emission; empty: what the target makes by itself
  std::string depfile;
  bool locations = false;
  bool keep_symbols = false;
  bool is_freestanding = false;
};

struct RunOptions {
  CompileOptions compile;
  std::vector<std::string> arguments;  // passed on to the program's `train`
};

struct CheckOptions {
  CompileOptions compile;
  bool gradients = false;
  uint64_t seed = 1;
};

struct OptOptions {
  CompileOptions compile;
  std::vector<std::string> passes;  // names; empty: what is left of the whole pipeline
  bool list = false;
  bool locations = false;
  std::string output = "-";
};

struct ExplainOptions {
  CompileOptions compile;
  std::string entry;   // empty: all
  bool loops = false;  // print each kernel's loops too
};

struct NewOptions {
  std::string name;
};

int run_build(const BuildOptions& options);
int run_run(const RunOptions& options);
int run_check(const CheckOptions& options);
int run_opt(const OptOptions& options);
int run_explain(const ExplainOptions& options);
int run_new(const NewOptions& options);

}  // namespace tarn
