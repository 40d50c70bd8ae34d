// What a target supplies: a record, one for each folder here.  See docs/adding_a_target.md.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/program/program.h"
#include "ir/base/result.h"
#include "passes/target_wishes.h"

namespace tarn {

struct TargetOptions {
  // The processor, by a name that the target knows; "native": this machine's.
  std::string cpu = "native";
  int opt_level = 2;  // 0..3
  // Estimated cycles from which a kernel is shared out among the threads, instead of the processor's.
  std::optional<double> parallel_cycles;
  // Symbol of the tarn_program: "tarn_model_program" in an executable, "NAME_program" in a library.
  std::string program_symbol = "tarn_model_program";
  std::string name = {};         // of the model in a header, a C identifier: "mnist"
  std::string source = {};       // the model file, as comments name it: "mnist.tarn"
  bool is_freestanding = false;  // code that calls no C library; of targets that can (makes_freestanding)
};

struct EmittedFile {
  std::string suffix;  // of its name: ".o"
  std::string bytes;
};

// Something that `tarn build --emit=KIND` makes.
struct Emission {
  std::string_view kind;
  std::string_view summary;  // "LLVM IR"
  // One text, for reading: it goes to standard output unless -o names a file.  Else files beside each other, for tools.
  bool is_text = true;
  // Errors: an unknown processor.
  Result<std::vector<EmittedFile>> (*emit)(const Program& program, const TargetOptions& options);
};

// Kind of the emission that the system's linker takes: a target that has it makes programs ("exe") and libraries
// ("lib") too.
inline constexpr std::string_view kObjectKind = "obj";

struct Target {
  std::string_view name;     // of --target, and of the folder
  std::string_view summary;  // "machine code for x86-64, through LLVM"
  std::string_view default_kind;
  std::vector<Emission> emissions;
  // What code made with these options needs to run: "x86-64-v3".  Errors: an unknown processor.
  Result<std::string> (*required_cpu)(const TargetOptions& options);
  bool makes_freestanding = false;  // obeys TargetOptions::is_freestanding
  TargetWishes wishes = {};         // of passes

  const Emission* find_emission(std::string_view kind) const;  // nullptr: it makes no such thing
  std::vector<std::string> kinds() const;                      // of --emit, "exe" and "lib" included
};

// All targets, by name.  The list of targets is the list of folders.
std::span<const Target* const> targets();
const Target* find_target(std::string_view name);  // nullptr: there is none

}  // namespace tarn
