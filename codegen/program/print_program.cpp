// Programs as text: steps with their places in the arena.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "codegen/program/program.h"

namespace tarn {

namespace {

// "fc1.w@64", in a loop "x[t]@512+4*i": by how many bytes it moves with each iteration.
std::string place_text(uint64_t offset, const std::vector<int64_t>& strides) {
  std::string text = fmt::format("@{}", offset);
  for (size_t loop = 0; loop < strides.size(); ++loop) {
    if (strides[loop] != 0) text += fmt::format("{:+}*t{}", strides[loop], loop);
  }
  return text;
}

class ProgramPrinter {
 public:
  std::string run(const Program& program) {
    out_ = fmt::format("program {}: arena {} bytes, persistent {}\n", program.name, program.arena_bytes,
                       program.persistent_bytes);
    for (const ProgramEntry& entry : program.entries) {
      out_ += fmt::format("\n{} {{\n", entry.name);
      print_steps(entry.steps);
      out_ += "}\n";
    }
    return out_;
  }

 private:
  void print_steps(const std::vector<Step>& steps) {
    ++depth_;
    for (const Step& step : steps) {
      out_ += std::string(2 * depth_, ' ');
      std::visit([&](const auto& node) { print_step(node); }, step.node);
    }
    --depth_;
  }

  void print_step(const LaunchStep& launch) {
    std::vector<std::string> buffers[2];  // read, stored
    for (size_t b = 0; b < launch.kernel.buffers.size(); ++b) {
      const KernelBuffer& buffer = launch.kernel.buffers[b];
      std::vector<int64_t> strides = launch.buffer_strides.empty() ? std::vector<int64_t>{} : launch.buffer_strides[b];
      buffers[buffer.kind == BufferKind::Out ? 1 : 0].push_back(buffer.name +
                                                                place_text(launch.buffer_offsets[b], strides));
    }
    out_ += fmt::format("launch {}({}) -> {}\n", launch.kernel.name, fmt::join(buffers[0], ", "),
                        fmt::join(buffers[1], ", "));
  }

  void print_step(const LoopStep& loop) {
    out_ += fmt::format("loop {} t{} in {}..{} {{\n", loop.name, loops_, loop.reverse ? loop.length : 0,
                        loop.reverse ? 0 : loop.length);
    ++loops_;
    print_steps(loop.body);
    --loops_;
    out_ += std::string(2 * depth_, ' ') + "}\n";
  }

  void print_step(const CopyStep& copy) {
    out_ += fmt::format("copy {} bytes {} -> {}\n", copy.bytes, place_text(copy.from, copy.from_strides),
                        place_text(copy.to, copy.to_strides));
  }

  void print_step(const CheckStep& check) {
    out_ += fmt::format("check {}@{}: {} is finite\n", check.name, check.offset, dtype_name(check.dtype));
  }

  std::string out_;
  size_t depth_ = 0;
  size_t loops_ = 0;  // around
};

}  // namespace

std::string print(const Program& program) {
  return ProgramPrinter().run(program);
}

}  // namespace tarn
