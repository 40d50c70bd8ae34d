// tarn build: from a model to a program, a library, or any stage between.
#include <fmt/format.h>

#include "codegen/header/c_header.h"
#include "codegen/link.h"
#include "codegen/program/build_program.h"
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
  explicit Build(const BuildOptions& options) : options_(options), compilation_(options.compile) {}

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

  void emit_code(const Program& program) {
    TargetOptions target;
    target.cpu = options_.compile.cpu;
    target.opt_level = options_.compile.opt_level;
    std::string output = output_or(options_.emit == "obj" ? ".o" : "");
    if (options_.emit == "lib") target.program_symbol = identifier_of(stem_of(output)) + "_program";
    EmitKind kind = options_.emit == "llvm"  ? EmitKind::LlvmIr
                    : options_.emit == "asm" ? EmitKind::Assembly
                                             : EmitKind::Object;
    Result<std::string> code = emit_cpu(program, target, kind);
    if (!code) return fail(code.error());
    if (kind != EmitKind::Object) return write_text(*code);
    if (options_.emit == "obj") return fail(write_file(written_ = output, *code));
    if (options_.emit == "lib") return emit_library(program, *code, output, target);
    Result<std::string> runtime = find_runtime("libtarn_runtime.a");
    if (!runtime) return fail(runtime.error());
    fail(link_executable(*code, written_ = output, {*runtime, !options_.keep_symbols}));
  }

  // -o DIR/mnist: DIR/mnist.h and DIR/libmnist.a.
  void emit_library(const Program& program, const std::string& object, const std::string& output,
                    const TargetOptions& target) {
    std::string name = identifier_of(stem_of(output));
    Result<std::string> runtime = find_runtime("libtarn_embed.a");
    Result<std::string> cpu = required_cpu(target);
    if (!runtime) return fail(runtime.error());
    if (!cpu) return fail(cpu.error());
    size_t slash = output.find_last_of('/');
    std::string directory = slash == std::string::npos ? "" : output.substr(0, slash + 1);
    written_ = directory + "lib" + name + ".a";
    std::optional<Error> error = write_library(object, written_, {*runtime, false});
    if (!error) error = write_file(directory + name + ".h", c_header(header_facts(program, name, *cpu)));
    fail(error);
  }

  HeaderFacts header_facts(const Program& program, const std::string& name, const std::string& cpu) const {
    HeaderFacts facts;
    facts.name = name;
    facts.source = options_.compile.input;
    facts.version = TARN_VERSION;
    facts.cpu = cpu;
    facts.arena_bytes = program.arena_bytes;
    facts.batch = static_cast<uint32_t>(program.batch);
    for (const ProgramEntry& entry : program.entries) {
      facts.has_train = facts.has_train || entry.name == "train_step";
      facts.has_eval = facts.has_eval || entry.name == "eval_step";
      facts.has_predict = facts.has_predict || entry.name == "predict";
    }
    for (const ProgramTensor& tensor : program.tensors) {
      facts.tensors.push_back({tensor.name, static_cast<uint32_t>(tensor.role),
                               static_cast<uint32_t>(tensor.type.dtype), tensor.type.shape, tensor.initial,
                               tensor.is_used_by_predict, ""});
    }
    return facts;
  }

  // A make rule: the output depends on the input, and on the compiler's own library, which is part of the command.
  void write_depfile() {
    if (options_.depfile.empty() || written_.empty() || written_ == "-") return;
    std::string text = fmt::format("{}: {}\n", written_, options_.compile.input);
    fail(write_file(options_.depfile, text));
  }

  const BuildOptions& options_;
  Compilation compilation_;
  std::string written_;
};

}  // namespace

int run_build(const BuildOptions& options) {
  return Build(options).run();
}

}  // namespace tarn
