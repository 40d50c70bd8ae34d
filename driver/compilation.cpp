// From a file to a module and on to a program, collecting diagnostics.
#include "driver/compilation.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "codegen/program/build_program.h"
#include "codegen/target/target.h"
#include "driver/files.h"
#include "driver/text_input.h"
#include "frontend/compile.h"
#include "frontend/parser.h"
#include "frontend/print_ast.h"
#include "ir/parse.h"
#include "passes/pipeline.h"

namespace tarn {

void Compilation::error(std::string message, std::string rule) {
  sink_.error({}, std::move(message), std::move(rule));
}

void Compilation::error(const Error& error) {
  sink_.error(sources_.span_at(error.location), error.message, error.rule);
}

bool Compilation::read_input() {
  Result<std::string> text = read_text(options_.input);
  if (!text) {
    error(text.error());
    return false;
  }
  input_file_ = sources_.add(options_.input == "-" ? "<stdin>" : options_.input, std::move(*text));
  return true;
}

// IR text begins with `module @`, after comments; no model file does.
static bool is_ir(std::string_view text) {
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && line.compare(first, 2, "//") != 0) {
      return line.compare(first, 8, "module @") == 0;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

std::optional<Module> Compilation::load() {
  if (!read_input()) return std::nullopt;
  std::optional<Module> module;
  if (is_ir(sources_.file(input_file_).text)) {
    if (!options_.defines.empty() || options_.batch) {
      error(
          "-D and --batch have no effect on IR: its sizes are numbers already; give them when building the model file",
          "option.ir");
      return std::nullopt;
    }
    module = parse_ir(sources_, input_file_, sink_);
    if (module) model_name_ = module->name;
    if (module && identifier_of(module->name) != module->name) {
      error(
          fmt::format("module `{}`: a module's name becomes the name of files and symbols: letters, digits and _, such "
                      "as `{}`",
                      module->name, identifier_of(module->name)),
          "module.name");
      return std::nullopt;
    }
  } else {
    FrontendOptions frontend;
    frontend.defines = options_.defines;
    frontend.batch = options_.batch;
    module = compile_source(sources_, input_file_, frontend, sink_);
    model_name_ = identifier_of(stem_of(options_.input));
    if (module) module->name = model_name_;
  }
  if (options_.warnings_are_errors && sink_.warning_count() > 0 && !sink_.has_errors()) {
    error(fmt::format("{} warning{} with -Werror", sink_.warning_count(), sink_.warning_count() == 1 ? "" : "s"),
          "option.werror");
  }
  if (sink_.has_errors()) return std::nullopt;
  return module;
}

std::optional<Module> Compilation::load_at_batch(int64_t batch) {
  if (is_ir(sources_.file(input_file_).text)) return std::nullopt;
  FrontendOptions frontend;
  frontend.defines = options_.defines;
  frontend.batch = batch;
  DiagnosticSink unheard;  // load() has said it all
  std::optional<Module> module = compile_source(sources_, input_file_, frontend, unheard);
  return unheard.has_errors() ? std::nullopt : std::move(module);
}

std::optional<std::string> Compilation::syntax_tree() {
  if (!read_input()) return std::nullopt;
  ast::File tree = parse_file(sources_, input_file_, sink_);
  if (sink_.has_errors()) return std::nullopt;
  return print_ast(tree);
}

// Whether `path` is a file of this very directory.
static bool holds_file(const std::string& directory, const std::string& path) {
  struct stat first, second;
  size_t slash = path.find_last_of('/');
  std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return path != "-" && stat(directory.c_str(), &first) == 0 && stat(parent.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

bool Compilation::run_passes(Module& module) {
  PipelineOptions options;
  options.opt_level = options_.opt_level;
  if (const Target* target = find_target(options_.target)) options.wishes = target->wishes;
  options.stop_after = options_.stop_after;
  options.dump_dir = options_.dump_dir;
  options.dump_locations = true;
  options.verify_each = options_.verify_each;
  if (!options.dump_dir.empty() && holds_file(options.dump_dir, options_.input)) {
    error(fmt::format("`{}` lies in the directory `{}`, where dumps might replace it; choose another for --dump-dir",
                      options_.input, options.dump_dir),
          "dump.write");
    return false;
  }
  if (!options.dump_dir.empty() && mkdir(options.dump_dir.c_str(), 0777) != 0 && errno != EEXIST) {
    error(fmt::format("cannot make directory `{}`: {}", options.dump_dir, std::strerror(errno)), "dump.write");
    return false;
  }
  PipelineResult result = run_pipeline(module, options);
  for (const Error& failure : result.errors) error(failure);
  if (options_.timings) fmt::print(stderr, "{}", timing_table(result));
  return result.ok();
}

std::optional<Program> Compilation::compile() {
  std::optional<Module> module = load();
  if (!module || !run_passes(*module)) return std::nullopt;
  Result<Program> program = build_program(*module);
  if (program) return std::move(*program);
  error(program.error());
  return std::nullopt;
}

int Compilation::finish() {
  RenderOptions render;
  render.color = isatty(STDERR_FILENO) && !std::getenv("NO_COLOR");
  std::string text = options_.json_diagnostics ? render_json(sink_, sources_) : render_text(sink_, sources_, render);
  fmt::print(stderr, "{}", text);
  return sink_.has_errors() ? kExitDiagnostics : kExitOk;
}

}  // namespace tarn
