// Tables as initializers of C.
#include "codegen/target/c/emit/emit_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "codegen/target/c/emit/names.h"
#include "ir/entry.h"
#include "runtime/tarn_abi.h"

namespace tarn::c_source {

// Compilers need not take longer string literals.
static constexpr size_t kLongestLiteral = 4000;

// A pointer to constant text; `name` is the array's where one is needed.
static std::string text_constant(const std::string& text, const std::string& name, std::string& definitions) {
  if (text.size() < kLongestLiteral) return string_literal(text);
  definitions += fmt::format("static const char {}[] = {{", name);
  for (size_t i = 0; i < text.size(); ++i) {
    definitions += fmt::format("{}{},", i % 24 == 0 ? "\n  " : "", static_cast<int>(static_cast<signed char>(text[i])));
  }
  definitions += "0};\n";
  return name;
}

template <typename Numbers>
static std::string number_array(std::string_view type, const std::string& name, const Numbers& numbers,
                                std::string& definitions) {
  if (numbers.empty()) return "NULL";
  definitions += fmt::format("static const {} {}[] = {{{}}};\n", type, name, fmt::join(numbers, ", "));
  return name;
}

static std::string tensors_text(const Program& program) {
  std::string out, rows;
  for (size_t t = 0; t < program.tensors.size(); ++t) {
    const ProgramTensor& tensor = program.tensors[t];
    std::string shape = number_array("int64_t", fmt::format("table_shape_{}", t), tensor.type.shape, out);
    rows +=
        fmt::format("  {{{}, {}u, {}u, {}u, {}u, {}, {}u, {}u, {}}}, /* {} {} */\n", string_literal(tensor.name),
                    static_cast<uint32_t>(tensor.type.dtype), static_cast<uint32_t>(tensor.role),
                    tensor.type.shape.size(), tensor.flags, shape, tensor.offset, tensor.type.bytes(),
                    fmt::format("{:.17g}", tensor.initial), role_name(tensor.role), comment_text(tensor.type.text()));
  }
  return rows.empty() ? out : out + fmt::format("static const tarn_tensor table_tensors[] = {{\n{}}};\n", rows);
}

static std::string outputs_text(const LaunchStep& launch, const std::string& name) {
  std::string out, rows;
  size_t info = 0;
  for (size_t b = 0; b < launch.kernel.buffers.size(); ++b) {
    const KernelBuffer& buffer = launch.kernel.buffers[b];
    if (buffer.kind != BufferKind::Out || info >= launch.outputs.size()) continue;
    const KernelOutputInfo& output = launch.outputs[info++];
    std::vector<int64_t> strides;
    if (!launch.buffer_strides.empty()) strides = launch.buffer_strides[b];
    strides.resize(std::min<size_t>(launch.loop_lengths.size(), TARN_MAX_LOOPS));
    std::string moves = number_array("uint64_t", fmt::format("{}_strides_{}", name, b), strides, out);
    rows += fmt::format("  {{{}, {}, {}, {}u, {}u, {}u, {}u, {}}},\n", string_literal(output.name),
                        string_literal(output.op), string_literal(output.location),
                        static_cast<uint32_t>(buffer.type.dtype), strides.size(), launch.buffer_offsets[b],
                        buffer.type.elements(), moves);
  }
  return rows.empty() ? out : out + fmt::format("static const tarn_kernel_output {}[] = {{\n{}}};\n", name, rows);
}

static std::string kernels_text(const ProgramEntry& entry) {
  std::string out, rows;
  int number = 0;
  for (const LaunchStep* launch : launches_of(entry)) {
    std::string name = fmt::format("table_{}_outputs_{}", entry.name, number++);
    std::string outputs = outputs_text(*launch, name);
    out += outputs;
    size_t count = outputs.empty() ? 0 : launch->outputs.size();
    KernelCost cost = cost_of(launch->kernel);
    std::string summary = text_constant(launch->summary, name + "_summary", out);
    rows += fmt::format("  {{{}, {}, {}u, 0u, {}, {:.17g}, {:.17g}}},\n", string_literal(launch->kernel.name), summary,
                        count, count == 0 ? "NULL" : name, cost.flops, cost.bytes);
  }
  return rows.empty()
             ? out
             : out + fmt::format("static const tarn_kernel table_{}_kernels[] = {{\n{}}};\n", entry.name, rows);
}

std::string tables_text(const Program& program, const std::string& symbol) {
  std::string out = tensors_text(program), entries;
  for (EntryPoint point : all_entry_points()) {
    std::string_view name = entry_name(point);
    auto entry = std::find_if(program.entries.begin(), program.entries.end(),
                              [&](const ProgramEntry& candidate) { return candidate.name == name; });
    if (entry == program.entries.end()) {
      entries += fmt::format("  {{NULL, 0u, 0u, NULL}}, /* no {} */\n", name);
      continue;
    }
    size_t count = launches_of(*entry).size();
    out += kernels_text(*entry);
    entries += fmt::format("  {{run_{}, {}u, 0u, {}}},\n", name, count,
                           count == 0 ? "NULL" : fmt::format("table_{}_kernels", name));
  }
  std::string config = text_constant(program.config, "table_config", out);
  out += fmt::format("\nconst tarn_program {} = {{\n", symbol);
  out += fmt::format("  sizeof(tarn_program), TARN_ABI_VERSION, {}, {}, \"c99\", {},\n", string_literal(program.name),
                     string_literal(program.hash), string_literal(TARN_VERSION));
  out += fmt::format("  {}u, 64u, {}u, {}u, {}u, {},\n", program.arena_bytes, program.persistent_bytes, program.batch,
                     program.tensors.size(), program.tensors.empty() ? "NULL" : "table_tensors");
  return out + entries + "  " + config + "\n};\n";
}

}  // namespace tarn::c_source
