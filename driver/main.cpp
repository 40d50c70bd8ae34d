// The `tarn` command: reads the command line and hands over to one of the commands.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>
#include <system_error>

#include "codegen/target/target.h"
#include "driver/options.h"
#include "ir/entry.h"

namespace tarn {

namespace {

// "-D H=8" into a pair; an empty message means success.
std::string read_define(const std::string& text, std::map<std::string, std::string>& defines) {
  size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) return fmt::format("-D wants NAME=VALUE, but found `{}`", text);
  defines[text.substr(0, equals)] = text.substr(equals + 1);
  return "";
}

// "c", or "cpu:x86-64-v3", which stands for "--target=cpu --cpu=x86-64-v3"; an empty message means success.
std::string read_target(const std::string& text, CompileOptions& options) {
  size_t colon = text.find(':');
  options.target = text.substr(0, colon);
  if (colon != std::string::npos) options.cpu = text.substr(colon + 1);
  if (find_target(options.target)) return "";
  std::vector<std::string_view> names;
  for (const Target* target : targets()) names.push_back(target->name);
  return fmt::format("--target: there is no target `{}`; the targets are {}", options.target, fmt::join(names, ", "));
}

std::string target_help() {
  std::string text = "What to compile for";
  for (const Target* target : targets()) text += fmt::format("\n{}: {}", target->name, target->summary);
  return text;
}

std::string emit_help() {
  std::string text = "What to write\nof any target: ast, ir, dot, kernels, program, html";
  for (const Target* target : targets()) {
    text += fmt::format("\n{}: {} (default: {})", target->name, fmt::join(target->kinds(), ", "), target->default_kind);
  }
  return text;
}

std::vector<std::string> entry_names() {
  std::vector<std::string> names;
  for (EntryPoint entry : all_entry_points()) names.emplace_back(entry_name(entry));
  return names;
}

void add_compile_options(CLI::App& app, CompileOptions& options, std::vector<std::string>& warnings) {
  app.add_option("input", options.input, "Model file (.tarn) or IR dump; - for standard input")->required();
  app.add_option_function<std::vector<std::string>>(
         "-D",
         [&options](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) {
             if (std::string error = read_define(text, options.defines); !error.empty())
               throw CLI::ValidationError(error);
           }
         },
         "Set a `const` of the model")
      ->type_name("NAME=VALUE")
      ->take_all();
  app.add_option("--batch", options.batch, "Batch size, instead of the model's")->check(CLI::PositiveNumber);
  app.add_option("-O", options.opt_level, "Optimisation level")->check(CLI::Range(0, 3))->capture_default_str();
  app.add_option("--cpu", options.cpu,
                 "native, x86-64, x86-64-v3 (AVX2), x86-64-v4 (AVX-512), or a processor: sapphirerapids, znver4")
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--target",
         [&options](const std::string& text) {
           if (std::string error = read_target(text, options); !error.empty()) throw CLI::ValidationError(error);
         },
         target_help())
      ->type_name("NAME[:CPU]")
      ->default_str("cpu");
  app.add_option("--stop-after", options.stop_after, "Stop after this pass (tarn opt --list names them)");
  app.add_option("--dump-dir", options.dump_dir, "Write the IR after each pass into this directory");
  app.add_flag("--verify-each,!--no-verify-each", options.verify_each, "Verify the IR after each pass (default: on)");
  app.add_flag("--timings", options.timings, "Print the time of each pass");
  app.add_option_function<std::string>(
         "--diagnostics", [&options](const std::string& kind) { options.json_diagnostics = kind == "json"; },
         "How to print errors: text or json")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("-W", warnings, "-Werror: warnings are errors")->check(CLI::IsMember({"error"}))->type_name("error");
}

struct CommandLine {
  BuildOptions build;
  RunOptions run;
  CheckOptions check;
  OptOptions opt;
  ExplainOptions explain;
  NewOptions create;
  std::vector<std::string> warnings;
};

void add_build(CLI::App& app, CommandLine& line) {
  CLI::App* build = app.add_subcommand("build", "Compile a model to a program, a library, or any stage between");
  add_compile_options(*build, line.build.compile, line.warnings);
  build->add_option("-o", line.build.output, "Output file (default: the model file's name)");
  build->add_option("--emit", line.build.emit, emit_help())->type_name("KIND");
  build->add_option("--depfile", line.build.depfile, "Write what the output depends on, for make and ninja");
  build->add_flag("--locs", line.build.locations, "Print source locations in IR");
  build->add_flag("--freestanding", line.build.is_freestanding,
                  "Code that needs no C library, for processors without one (--target=c)");
  build->add_flag("--symbols", line.build.keep_symbols, "Keep symbols in the executable");
}

void add_commands(CLI::App& app, CommandLine& line) {
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("tarn ") + TARN_VERSION);
  add_build(app, line);

  CLI::App* run = app.add_subcommand("run", "Build a model and train it; what follows -- goes to the program");
  add_compile_options(*run, line.run.compile, line.warnings);
  run->add_option("arguments", line.run.arguments, "Arguments of the program's `train`, after --");

  CLI::App* check = app.add_subcommand("check", "Report errors and warnings, write nothing");
  add_compile_options(*check, line.check.compile, line.warnings);
  check->add_flag("--gradients", line.check.gradients,
                  "Compare the model's gradients with finite differences in f64, on 4 rows (or --batch)");
  check->add_option("--seed", line.check.seed, "Seed of the parameters and the made-up batch")->capture_default_str();

  CLI::App* opt = app.add_subcommand("opt", "Run passes on IR text");
  add_compile_options(*opt, line.opt.compile, line.warnings);
  opt->get_option("input")->required(false);
  opt->add_option("-p,--passes", line.opt.passes, "Passes to run, in order (default: what is left of the pipeline)")
      ->delimiter(',');
  opt->add_option("-o", line.opt.output, "Output file")->capture_default_str();
  opt->add_flag("--list", line.opt.list, "List the passes");
  opt->add_flag("--locs", line.opt.locations, "Print source locations");

  CLI::App* explain = app.add_subcommand("explain", "Say what each kernel does and what the arena holds");
  add_compile_options(*explain, line.explain.compile, line.warnings);
  explain->add_option("--entry", line.explain.entry, "Only this entry point")->check(CLI::IsMember(entry_names()));
  explain->add_flag("--loops", line.explain.loops, "Print the loops of each kernel");

  CLI::App* create = app.add_subcommand("new", "Write a small model file to start from");
  create->add_option("name", line.create.name, "NAME.tarn is written")->required();
}

int dispatch(const CLI::App& app, CommandLine& line) {
  bool warnings_are_errors = !line.warnings.empty();
  for (CompileOptions* options :
       {&line.build.compile, &line.run.compile, &line.check.compile, &line.opt.compile, &line.explain.compile}) {
    options->warnings_are_errors = warnings_are_errors;
  }
  if (app.got_subcommand("build")) return run_build(line.build);
  if (app.got_subcommand("run")) return run_run(line.run);
  if (app.got_subcommand("check")) return run_check(line.check);
  if (app.got_subcommand("opt")) return run_opt(line.opt);
  if (app.got_subcommand("explain")) return run_explain(line.explain);
  return run_new(line.create);
}

int run(int argc, char** argv) {
  CLI::App app("tarn: compiles a model file into a program that trains it", "tarn");
  app.footer("Example: tarn build mnist.tarn -o mnist && ./mnist train --data mnist/");
  CommandLine line;
  add_commands(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;  // CLI11 has exit codes of its own
  }
  return dispatch(app, line);
}

}  // namespace

}  // namespace tarn

// A file that is opened later must not get the number of a closed standard stream, or messages would land in it.
static void open_standard_streams() {
  for (int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0) return;
  }
}

// No allocation here.
[[noreturn]] static void out_of_memory() {
  std::string_view text = "tarn: error: out of memory: nothing was written; a smaller model, or -O1, needs less\n";
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) _exit(tarn::kExitInternal);
  _exit(tarn::kExitDiagnostics);
}

// Nothing of ours throws; what a library still may ends like any other fault of the compiler.
int main(int argc, char** argv) {
  open_standard_streams();
  std::set_new_handler(out_of_memory);
  int code = tarn::kExitInternal;
  try {
    code = tarn::run(argc, argv);
    std::cout.flush();
  } catch (const std::system_error&) {
    // Printing throws where it fails; the stream remembers it.
    if (!std::ferror(stdout)) std::fputs("tarn: internal error: printing failed\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tarn: internal error: %s\n", error.what());
    return tarn::kExitInternal;
  }
  if (std::fflush(stdout) == 0 && !std::ferror(stdout) && std::cout.good()) return code;
  std::fprintf(stderr, "tarn: error: cannot write to standard output: %s\n", std::strerror(errno));
  return tarn::kExitDiagnostics;
}
