// Puts the file together: kernels as functions, equal ones once, entry points that call them, tables, the API.
#include "codegen/target/c/emit/emit_c.h"

#include <fmt/format.h>

#include <map>

#include "codegen/kernel/prepare.h"
#include "codegen/target/c/emit/emit_tables.h"
#include "codegen/target/c/emit/kernel_emitter.h"
#include "codegen/target/c/emit/parts.h"
#include "ir/entry.h"
#include "runtime/tarn_abi.h"

namespace tarn::c_source {

namespace {

// What every file begins with, behind the headers.
constexpr const char* kTypes = R"(
/* Elements of the arena.  Scratch of one type is reused for another, which a compiler must not take for an error;
 * integers are held unsigned, so that their arithmetic wraps. */
#if defined(__GNUC__)
#define TARN_MAY_ALIAS __attribute__((__may_alias__))
#else
#define TARN_MAY_ALIAS
#endif
typedef uint8_t TARN_MAY_ALIAS tarn_u8;
typedef uint16_t TARN_MAY_ALIAS tarn_u16;
typedef uint32_t TARN_MAY_ALIAS tarn_i32;
typedef uint64_t TARN_MAY_ALIAS tarn_i64;
typedef float TARN_MAY_ALIAS tarn_f32;
typedef double TARN_MAY_ALIAS tarn_f64;

/* Before a loop that is to become vectors: GCC would write out a short one as scalar code first. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8
#define TARN_VECTORS _Pragma("GCC unroll 1")
#else
#define TARN_VECTORS
#endif
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD > 0
#error "float must be computed as float: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif
)";

constexpr const char* kEntryHelpers = R"(
#define AT_U8(offset) ((tarn_u8*)(arena + (offset)))
#define AT_U16(offset) ((tarn_u16*)(void*)(arena + (offset)))
#define AT_I32(offset) ((tarn_i32*)(void*)(arena + (offset)))
#define AT_I64(offset) ((tarn_i64*)(void*)(arena + (offset)))
#define AT_F32(offset) ((tarn_f32*)(void*)(arena + (offset)))
#define AT_F64(offset) ((tarn_f64*)(void*)(arena + (offset)))

static void tarn_trace(tarn_team* team, uint32_t kernel) {
  if (team->trace != NULL) team->trace(team, kernel);
}
)";

std::string_view at_macro(DType dtype) {
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return "AT_U8";
    case DType::I32:
      return "AT_I32";
    case DType::I64:
      return "AT_I64";
    case DType::F32:
      return "AT_F32";
    case DType::F64:
      return "AT_F64";
    case DType::F16:
    case DType::BF16:
      return "AT_U16";
  }
  return "";
}

// Buffers at one place are one parameter; whether others overlap it, in any iterations of the loops around.
Aliasing aliasing_of(const LaunchStep& launch) {
  const std::vector<KernelBuffer>& buffers = launch.kernel.buffers;
  auto count = static_cast<BufferIndex>(buffers.size());
  Aliasing aliasing{std::vector<BufferIndex>(count), std::vector<bool>(count, true)};
  auto is_same_place = [&](BufferIndex a, BufferIndex b) {
    bool moves_alike = launch.buffer_strides.empty() || launch.buffer_strides[a] == launch.buffer_strides[b];
    return launch.buffer_offsets[a] == launch.buffer_offsets[b] && moves_alike &&
           buffers[a].type.dtype == buffers[b].type.dtype;
  };
  for (BufferIndex b = 0; b < count; ++b) {
    aliasing.shares[b] = b;
    for (BufferIndex earlier = 0; earlier < b; ++earlier) {
      if (aliasing.shares[earlier] == earlier && is_same_place(earlier, b)) aliasing.shares[b] = earlier;
      if (aliasing.shares[b] != b) break;
    }
  }
  for (BufferIndex a = 0; a < count; ++a) {
    for (BufferIndex b = 0; b < count; ++b) {
      bool overlaps = launch.buffer_offsets[a] < launch.buffer_offsets[b] + launch.bytes_in_loops(b) &&
                      launch.buffer_offsets[b] < launch.buffer_offsets[a] + launch.bytes_in_loops(a);
      if (!overlaps || aliasing.shares[a] == aliasing.shares[b]) continue;
      aliasing.is_apart[aliasing.shares[a]] = aliasing.is_apart[aliasing.shares[b]] = false;
    }
  }
  return aliasing;
}

// Some memory is both read and written.
bool is_in_place(const Aliasing& aliasing) {
  for (BufferIndex b = 0; b < aliasing.shares.size(); ++b) {
    if (aliasing.shares[b] != b || !aliasing.is_apart[b]) return true;
  }
  return false;
}

class SourceEmitter {
 public:
  SourceEmitter(const Program& program, const SourceOptions& options) : program_(program), options_(options) {
    names_ = Names(identifiers_of(options.header + abi_text() + embedding_text()));
  }

  std::string run() {
    std::string entries;
    for (const ProgramEntry& entry : program_.entries) {
      if (entry_from_name(entry.name)) entries += entry_text(entry);  // nobody can call another one
    }
    bool has_api = !options_.header.empty();
    std::string code = kernels_ + kEntryHelpers + entries + "\n" + tables_text(program_, options_.program_symbol);
    std::string api = has_api ? api_text() : "";
    return head_text() + abi_text() + kTypes + parts_for(code + api, options_.is_freestanding) + code + api;
  }

 private:
  std::string head_text() const {
    std::string text = fmt::format("/* {}: compiled from {} by tarn {}.\n", comment_text(program_.name),
                                   comment_text(options_.origin), TARN_VERSION);
    text +=
        " * C99 without anything of another file but the header beside it; kernels first, then the entry points that\n"
        " * call them, the tables of what lies where in an instance's memory, and the embedding API. */\n";
    text += "#include <float.h>\n";
    if (!options_.is_freestanding) text += "#include <math.h>\n";
    text += "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n";
    if (!options_.is_freestanding) text += "#include <stdlib.h>\n#include <string.h>\n";
    if (!options_.header_name.empty()) text += fmt::format("\n#include {}\n\n", string_literal(options_.header_name));
    return text;
  }

  static std::string api_text() {
    return R"(
/* ---- The embedding API, the same in every model.  In a program of several models, compile all but one of them with
 * -DTARN_EMBEDDED_ELSEWHERE. */
#ifndef TARN_EMBEDDED_ELSEWHERE
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function" /* of its small helpers a model may need only some */
#endif
)" + embedding_text() +
           R"(
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
#endif
)";
  }

  // The function of a launch's kernel; equal code at other places is the same function.
  struct Function {
    std::string name;
    std::vector<BufferIndex> parameters;
  };
  const Function& function_of(const LaunchStep& launch, const std::string& entry) {
    Aliasing aliasing = aliasing_of(launch);
    Kernel prepared = prepare(launch.kernel);
    Schedule schedule = plan(prepared, Traits(), is_in_place(aliasing));
    Kernel ordered = reorder(std::move(prepared), schedule);
    std::string key = KernelEmitter(ordered, schedule, aliasing, true).run().text;
    auto [found, is_new] = functions_.try_emplace(key);
    if (!is_new) return found->second;
    KernelText kernel = KernelEmitter(ordered, schedule, aliasing, false).run();
    bool has_prefix = launch.kernel.name.starts_with(entry + ".");
    found->second = {names_.add(has_prefix ? launch.kernel.name : entry + "." + launch.kernel.name), kernel.parameters};
    kernels_ += fmt::format("\n/* {} */\nstatic void {}{}", describe(launch), found->second.name, kernel.text);
    return found->second;
  }

  static std::string describe(const LaunchStep& launch) {
    std::string text = launch.kernel.name, makes;
    for (const KernelOutputInfo& output : launch.outputs) {
      std::string at = output.location.empty() ? "" : " at " + output.location;
      makes += fmt::format("{}{} by {}{}", makes.empty() ? " makes " : ", ", output.name, output.op, at);
    }
    double flops = cost_of(launch.kernel).flops;
    if (flops >= 1000) makes += fmt::format("; {:.3g} kFLOP", flops / 1000);
    return comment_text(text + makes);
  }

  // --- entry points ---

  void line(const std::string& text) { out_ += std::string(static_cast<size_t>(depth_) * 2, ' ') + text + "\n"; }

  // Thread 0 does it all; the others only have to know how a check ended.
  std::string entry_text(const ProgramEntry& entry) {
    out_ = fmt::format("\nstatic int32_t run_{}(unsigned char* arena, tarn_team* team) {{\n", entry.name);
    line("if (team->thread != 0) {");
    ++depth_;
    line("(void)arena;");
    for (const Step& step : entry.steps) {
      if (const CheckStep* check = std::get_if<CheckStep>(&step.node)) check_text(*check);
    }
    line("return 0;");
    --depth_;
    line("}");
    launches_ = 0;
    steps_text(entry.steps, entry.name);
    line("return 0;");
    return std::move(out_) + "}\n";
  }

  void steps_text(const std::vector<Step>& steps, const std::string& entry) {
    for (const Step& step : steps) {
      if (const LaunchStep* launch = std::get_if<LaunchStep>(&step.node)) launch_text(*launch, entry);
      if (const LoopStep* loop = std::get_if<LoopStep>(&step.node)) loop_text(*loop, entry);
      if (const CopyStep* copy = std::get_if<CopyStep>(&step.node)) copy_text(*copy);
      if (const CheckStep* check = std::get_if<CheckStep>(&step.node)) check_text(*check);
    }
  }

  std::string place(uint64_t offset, const std::vector<int64_t>& strides) const {
    std::string text = fmt::format("{}", offset);
    for (size_t loop = 0; loop < strides.size(); ++loop) {
      if (strides[loop] != 0) text += fmt::format(" + {} * {}", iterations_[loop], strides[loop]);
    }
    return text;
  }

  void launch_text(const LaunchStep& launch, const std::string& entry) {
    const Function& function = function_of(launch, entry);
    std::string arguments;
    for (BufferIndex b : function.parameters) {
      std::string at = place(launch.buffer_offsets[b],
                             launch.buffer_strides.empty() ? std::vector<int64_t>() : launch.buffer_strides[b]);
      arguments +=
          fmt::format("{}{}({})", arguments.empty() ? "" : ", ", at_macro(launch.kernel.buffers[b].type.dtype), at);
    }
    line(fmt::format("{}({});", function.name, arguments));
    line(fmt::format("tarn_trace(team, {}u);", launches_++));
  }

  void loop_text(const LoopStep& loop, const std::string& entry) {
    size_t depth = iterations_.size();
    std::string name = fmt::format("t{}", depth), last = fmt::format("{}", loop.length - 1);
    line(fmt::format("for (int64_t {0} = {1}; {0} {2}; {3}{0}) {{ /* {4} */", name, loop.reverse ? last : "0",
                     loop.reverse ? ">= 0" : "<= " + last, loop.reverse ? "--" : "++", comment_text(loop.name)));
    ++depth_;
    if (depth < TARN_MAX_LOOPS) line(fmt::format("team->iterations[{}] = (uint64_t){};", depth, name));
    iterations_.push_back(name);
    steps_text(loop.body, entry);
    iterations_.pop_back();
    --depth_;
    line("}");
  }

  void copy_text(const CopyStep& copy) {
    line(fmt::format("memcpy(arena + ({}), arena + ({}), {});", place(copy.to, copy.to_strides),
                     place(copy.from, copy.from_strides), copy.bytes));
  }

  void check_text(const CheckStep& check) {
    line("if (team->threads > 1) team->barrier(team);");
    line(fmt::format("if (!tarn_is_finite_{}(*{}({}))) return 1; /* {} */", dtype_name(check.dtype),
                     at_macro(check.dtype), check.offset, comment_text(check.name)));
  }

  const Program& program_;
  const SourceOptions& options_;
  Names names_;
  std::map<std::string, Function> functions_;  // by their text with numbered buffers
  std::string kernels_, out_;
  int depth_ = 1;
  uint32_t launches_ = 0;
  std::vector<std::string> iterations_;  // variables of the loops around, outermost first
};

}  // namespace

std::string emit_c(const Program& program, const SourceOptions& options) {
  return SourceEmitter(program, options).run();
}

std::string schedules_text(const Program& program) {
  std::string text;
  for (const ProgramEntry& entry : program.entries) {
    for (const LaunchStep* launch : launches_of(entry)) {
      Kernel prepared = prepare(launch->kernel);
      text += print(prepared, plan(prepared, Traits(), is_in_place(aliasing_of(*launch)))) + "\n";
    }
  }
  return text;
}

}  // namespace tarn::c_source
