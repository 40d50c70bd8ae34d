// tarn build: from a model to a program, a library, or any stage between.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "codegen/header/c_header.h"
#include "codegen/link.h"
#include "codegen/program/build_program.h"
#include "codegen/program/header_facts.h"
#include "codegen/target/target.h"
#include "driver/compilation.h"
#include "driver/explain.h"
#include "driver/files.h"
#include "driver/html.h"
#include "ir/print.h"

namespace tarn {

namespace {

class Build {
 public:
  Build(const BuildOptions& options, const Target& target)
      : options_(options), target_(target), compilation_(options.compile) {}

  int run() {
    if (options_.emit == "ast") {
      emit_ast();
      return compilation_.finish();
    }
    std::optional<Module> module = compilation_.load();
    if (module && compilation_.run_passes(*module)) emit(*module);
    if (!compilation_.sink().has_errors()) write_depfile();
    return compilation_.finish();
  }

 private:
  // -o, or the model's name with what belongs to the stage; text goes to standard output.
  std::string output_or(std::string_view suffix) const {
    if (!options_.output.empty()) return options_.output;
    std::string stem = stem_of(options_.compile.input);
    return suffix == "-" ? "-" : stem + std::string(suffix);
  }

  void fail(const std::optional<Error>& error) {
    if (error) compilation_.error(*error);
  }
  void write_text(const std::string& text) { fail(write_file(written_ = output_or("-"), text)); }

  void emit_ast() {
    if (std::optional<std::string> text = compilation_.syntax_tree()) write_text(*text);
  }

  void emit(const Module& module) {
    if (options_.emit == "ir") return write_text(print(module, {.locations = options_.locations}));
    if (options_.emit == "dot") return write_text(dot_graph(module));
    Result<Program> program = build_program(module);
    if (!program) return fail(program.error());
    if (options_.emit == "kernels") return write_text(kernels_text(*program));
    if (options_.emit == "program") return write_text(print(*program));
    if (options_.emit == "html") return write_text(html_page(module, *program));
    emit_code(*program);
  }

  static std::string kernels_text(const Program& program) {
    std::string text;
    for (const ProgramEntry& entry : program.entries) {
      for (const LaunchStep* launch : launches_of(entry)) text += print(launch->kernel) + "\n";
    }
    return text;
  }

  TargetOptions target_options(const std::string& output) const {
    TargetOptions options;
    options.cpu = options_.compile.cpu;
    options.opt_level = options_.compile.opt_level;
    options.name = identifier_of(stem_of(output));
    options.source = options_.compile.input;
    options.is_freestanding = options_.is_freestanding;
    return options;
  }

  void emit_code(const Program& program) {
    std::string_view kind = options_.emit;
    if (kind == "exe") return emit_executable(program);
    if (kind == "lib") return emit_library(program, output_or(""));
    const Emission& emission = *target_.find_emission(kind);
    std::string output = output_or(emission.is_text ? "-" : "");
    Result<std::vector<EmittedFile>> files = emission.emit(program, target_options(output));
    if (!files) return fail(files.error());
    if (emission.is_text) return write_text(files->front().bytes);
    // One file goes where -o says, several beside each other: -o DIR/net makes DIR/net.c and DIR/net.h.
    bool is_alone = files->size() == 1 && !options_.output.empty();
    for (const EmittedFile& file : *files)
      if (std::optional<Error> refusal = refuse_to_replace(output + file.suffix); refusal && !is_alone)
        return fail(refusal);
    for (const EmittedFile& file : *files) {
      written_ = is_alone ? output : output + file.suffix;
      fail(write_file(written_, file.bytes));
    }
  }

  // The bytes of an object file that defines the program as `symbol`.
  Result<std::string> object_code(const Program& program, TargetOptions options) const {
    Result<std::vector<EmittedFile>> files = target_.find_emission(kObjectKind)->emit(program, options);
    if (!files) return files.error();
    return std::move(files->front().bytes);
  }

  void emit_executable(const Program& program) {
    std::string output = output_or("");
    if (std::optional<Error> refusal = refuse_to_replace(output)) return fail(refusal);
    Result<std::string> object = object_code(program, target_options(output));
    if (!object) return fail(object.error());
    Result<std::string> runtime = find_runtime("libtarn_runtime.a");
    if (!runtime) return fail(runtime.error());
    written_ = output;
    fail(link_executable(*object, target_of(output), {*runtime, !options_.keep_symbols}));
  }

  // -o DIR/mnist: DIR/mnist.h and DIR/libmnist.a.
  void emit_library(const Program& program, const std::string& output) {
    TargetOptions options = target_options(output);
    if (std::string fault = header_name_fault(options.name); !fault.empty()) {
      return fail(
          Error{fmt::format("no library can be called `{}`: {}; choose another name by -o", options.name, fault),
                "lib.name"});
    }
    options.program_symbol = options.name + "_program";
    Result<std::string> object = object_code(program, options);
    if (!object) return fail(object.error());
    Result<std::string> runtime = find_runtime("libtarn_embed.a");
    if (!runtime) return fail(runtime.error());
    Result<std::string> cpu = target_.required_cpu(options);
    if (!cpu) return fail(cpu.error());
    size_t slash = output.find_last_of('/');
    std::string directory = slash == std::string::npos ? "" : output.substr(0, slash + 1);
    written_ = directory + "lib" + options.name + ".a";
    std::string header_path = directory + options.name + ".h";
    std::optional<Error> error = refuse_to_replace(written_);
    if (!error) error = refuse_to_replace(header_path);
    if (!error) error = write_library(*object, target_of(written_), {*runtime, false});
    std::string header = c_header(header_facts(program, options.name, options.source, *cpu));
    if (!error) error = write_file(header_path, header);
    fail(error);
  }

  // As make reads it: spaces and # escaped by a backslash, $ by itself.
  static std::string make_name(std::string_view path) {
    std::string name;
    for (char c : path) {
      if (c == ' ' || c == '#') name += '\\';
      if (c == '$') name += '$';
      name += c;
    }
    return name;
  }

  // A make rule: the output depends on the input, and on the compiler's own library, which is part of the command.
  void write_depfile() {
    if (options_.depfile.empty() || written_.empty() || written_ == "-") return;
    std::string text = fmt::format("{}: {}\n", make_name(written_), make_name(options_.compile.input));
    fail(write_file(options_.depfile, text));
  }

  const BuildOptions& options_;
  const Target& target_;
  Compilation compilation_;
  std::string written_;
};

}  // namespace

// What every target makes: stages before the target.
static constexpr std::string_view kSharedKinds[] = {"ast", "ir", "dot", "kernels", "program", "html"};

int run_build(const BuildOptions& given) {
  const Target& target = *find_target(given.compile.target);
  BuildOptions options = given;
  if (options.emit.empty()) options.emit = target.default_kind;
  std::vector<std::string> kinds(std::begin(kSharedKinds), std::end(kSharedKinds));
  std::vector<std::string> own = target.kinds();
  kinds.insert(kinds.end(), own.begin(), own.end());
  if (std::find(kinds.begin(), kinds.end(), options.emit) == kinds.end()) {
    fmt::print(stderr, "tarn: error: --emit={} is not what target `{}` makes; it makes {}\n", options.emit, target.name,
               fmt::join(kinds, ", "));
    return kExitUsage;
  }
  if (options.is_freestanding && !target.makes_freestanding) {
    fmt::print(stderr, "tarn: error: --freestanding is not for target `{}`: its code calls the C library\n",
               target.name);
    return kExitUsage;
  }
  return Build(options, target).run();
}

}  // namespace tarn
