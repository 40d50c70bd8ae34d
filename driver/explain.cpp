// Kernels, buffers and the arena as text.
#include "driver/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "driver/explain_uses.h"
#include "ir/entry.h"
#include "ir/op_def.h"
#include "ir/scan.h"
#include "passes/memory/memory_plan.h"

namespace tarn {

std::string fused_ops(const Func& kernel) {
  std::vector<std::pair<std::string_view, int>> counts;
  for (const Op& op : kernel.ops) {
    bool is_free = std::holds_alternative<View>(op.def->body) ||
                   (std::holds_alternative<Generate>(op.def->body) && op.operands.empty());
    if (is_free) continue;
    auto known =
        std::find_if(counts.begin(), counts.end(), [&](const auto& entry) { return entry.first == op.def->name; });
    if (known == counts.end())
      counts.push_back({op.def->name, 1});
    else
      ++known->second;
  }
  std::string out;
  for (const auto& [name, count] : counts) {
    out += out.empty() ? "" : ", ";
    out += count == 1 ? std::string(name) : fmt::format("{} x {}", count, name);
  }
  return out.empty() ? "copy" : out;
}

std::string source_lines(const Func& kernel) {
  std::map<std::string, std::vector<uint32_t>> lines;
  for (const Op& op : kernel.ops) {
    if (!op.location.is_known()) continue;
    std::vector<uint32_t>& of_file = lines[op.location.file];
    if (std::find(of_file.begin(), of_file.end(), op.location.line) == of_file.end())
      of_file.push_back(op.location.line);
  }
  std::string out;
  for (auto& [file, numbers] : lines) {
    std::sort(numbers.begin(), numbers.end());
    out += fmt::format("{}{}:{}", out.empty() ? "" : "; ", file, fmt::join(numbers, ","));
  }
  return out;
}

namespace {

std::string with_unit(double value, std::string_view unit) {
  static constexpr std::string_view kPrefixes[] = {"", "k", "M", "G", "T"};
  size_t prefix = 0;
  while (value >= 1000 && prefix + 1 < std::size(kPrefixes)) {
    value /= 1000;
    ++prefix;
  }
  return prefix == 0 ? fmt::format("{:.0f} {}", value, unit)
                     : fmt::format("{:.3g} {}{}", value, kPrefixes[prefix], unit);
}

// Walks the steps of an entry point beside the ops of the planned module that they were made from.
class EntryExplainer {
 public:
  EntryExplainer(const Module& module, const ExplainOptions& options) : module_(module), options_(options) {}

  std::string run(const ProgramEntry& entry) {
    double flops = 0, bytes = 0;
    std::vector<const LaunchStep*> launches = launches_of(entry);
    for (const LaunchStep* launch : launches) {
      KernelCost cost = cost_of(launch->kernel);
      flops += static_cast<double>(launch->runs()) * cost.flops;
      bytes += static_cast<double>(launch->runs()) * cost.bytes;
    }
    out_ = fmt::format("{}: {} kernels, {}, {} moved\n\n", entry.name, launches.size(), with_unit(flops, "FLOP"),
                       with_unit(bytes, "B"));
    explain_steps(*module_.find(entry.name), entry.steps);
    return out_;
  }

 private:
  void explain_steps(const Func& func, const std::vector<Step>& steps) {
    auto op = func.ops.begin();
    for (const Step& step : steps) {
      if (const LaunchStep* launch = std::get_if<LaunchStep>(&step.node)) {
        while (!std::holds_alternative<Call>(op->def->body)) ++op;
        explain_launch(func, *op++, *launch);
      } else if (const LoopStep* loop = std::get_if<LoopStep>(&step.node)) {
        while (!is_scan(*op)) ++op;
        explain_loop(ScanParts(*op++), *loop);
      } else if (const CopyStep* copy = std::get_if<CopyStep>(&step.node)) {
        out_ += fmt::format("     copies  {} B from {} to {}\n", copy->bytes, copy->from, copy->to);
      } else {
        out_ += fmt::format("     (the {} is checked here)\n\n", std::get<CheckStep>(step.node).name);
      }
    }
  }

  void explain_loop(const ScanParts& parts, const LoopStep& loop) {
    out_ += fmt::format("     loop {}: {} times{}, carries {}, stacks {}\n\n", loop.name, loop.length,
                        loop.reverse ? " backwards" : "", parts.carries, parts.outputs);
    explain_steps(*module_.find(loop.name), loop.body);
    out_ += fmt::format("     end of loop {}\n\n", loop.name);
  }

  void explain_launch(const Func& func, const Op& op, const LaunchStep& launch) {
    const Func& kernel = *module_.find(launch.kernel.name);
    KernelCost cost = cost_of(launch.kernel);
    out_ += fmt::format("{:>3}  {}\n", ++number_, kernel.name.substr(func.name.size() + 1));
    out_ += fmt::format("     fuses   {}\n", fused_ops(kernel));
    out_ += fmt::format("     work    {}, {} moved", with_unit(cost.flops, "FLOP"), with_unit(cost.bytes, "B"));
    auto runs = static_cast<double>(launch.runs());
    if (!launch.loop_lengths.empty()) {
      out_ += fmt::format("; in {} runs {}, {}", launch.runs(), with_unit(runs * cost.flops, "FLOP"),
                          with_unit(runs * cost.bytes, "B"));
    }
    out_ += "\n";
    for (size_t i = 0; i < op.operands.size(); ++i) {
      out_ += fmt::format("     reads   {:<24} {:<14} at {}\n", func.name_of(op.operands[i]),
                          func.type(op.operands[i]).text(), launch.buffer_offsets[i]);
    }
    for (size_t r = 0; r < op.results.size(); ++r) {
      out_ += fmt::format("     stores  {:<24} {:<14} at {}, {}\n", func.name_of(op.results[r]),
                          func.type(op.results[r]).text(), launch.buffer_offsets[op.operands.size() + r],
                          uses_of(module_, func, op.results[r]));
    }
    std::string lines = source_lines(kernel);
    if (!lines.empty()) out_ += fmt::format("     from    {}\n", lines);
    if (options_.loops) out_ += "\n" + print(launch.kernel);
    out_ += "\n";
  }

  const Module& module_;
  const ExplainOptions& options_;
  std::string out_;
  size_t number_ = 0;  // of launches
};

constexpr std::string_view kLegend = R"(
A value is stored for what needs all of it: (product) and (sum over ..) read each element for many results; (gather) and
(scatter_add) read at loaded indices; (pad) and the like read past its ends; (other loops): the kernels have no loops in
common; (later): a kernel between the two must end first.  Whatever else a kernel makes stays in registers.
)";

// The training step is what one asks about; what sets it up comes last.
std::vector<const ProgramEntry*> by_interest(const Program& program) {
  std::vector<const ProgramEntry*> entries;
  for (const ProgramEntry& entry : program.entries) entries.push_back(&entry);
  std::stable_partition(entries.begin(), entries.end(),
                        [](const ProgramEntry* entry) { return entry->name != entry_name(EntryPoint::Init); });
  return entries;
}

void explain_arena(std::string& out, const Program& program) {
  std::map<Role, std::pair<size_t, uint64_t>> by_role;
  for (const ProgramTensor& tensor : program.tensors) {
    ++by_role[tensor.role].first;
    by_role[tensor.role].second += static_cast<uint64_t>(tensor.type.bytes());
  }
  out += fmt::format("arena: {} bytes, aligned to {}\n", program.arena_bytes, kArenaAlignment);
  for (const auto& [role, total] : by_role) {
    out += fmt::format("  {:<12} {:>4} tensor{} {:>12} B\n", role_name(role), total.first, total.first == 1 ? " " : "s",
                       total.second);
  }
  out +=
      fmt::format("  {:<12} {:>4}         {:>12} B\n", "scratch", "", program.arena_bytes - program.persistent_bytes);
}

}  // namespace

std::string explain(const Module& module, const Program& program, const ExplainOptions& options) {
  std::string out;
  for (const ProgramEntry* entry : by_interest(program)) {
    if (options.entry.empty() || options.entry == entry->name) out += EntryExplainer(module, options).run(*entry);
  }
  explain_arena(out, program);
  out += kLegend;
  return out;
}

std::string dot_graph(const Module& module) {
  std::string out =
      fmt::format("digraph {} {{\n  rankdir=TB; node [shape=box, fontname=\"monospace\"];\n", quoted(module.name));
  for (const Func& func : module.funcs) {
    if (func.kind != FuncKind::Entry) continue;
    out += fmt::format("  subgraph {} {{ label={};\n", quoted("cluster_" + func.name), quoted(func.name));
    std::vector<int> defining = defining_ops(func);
    auto node = [&](ValueId value) {
      int op = defining[value.index];
      return op < 0 ? quoted(func.name + "/%" + func.name_of(value)) : quoted(fmt::format("{}/{}", func.name, op));
    };
    for (const Argument& arg : func.args) {
      out += fmt::format("    {} [label={}, shape=ellipse];\n", node(arg.value),
                         quoted(fmt::format("{}\\n{}", func.name_of(arg.value), func.type(arg.value).text())));
    }
    for (size_t i = 0; i < func.ops.size(); ++i) {
      const Op& op = func.ops[i];
      auto callee = op.attrs.find("callee");
      std::string label = callee == op.attrs.end() ? std::string(op.def->name) : std::get<std::string>(callee->second);
      out += fmt::format("    {} [label={}];\n", quoted(fmt::format("{}/{}", func.name, i)), quoted(label));
      for (ValueId operand : op.operands) {
        out += fmt::format("    {} -> {} [label={}];\n", node(operand), quoted(fmt::format("{}/{}", func.name, i)),
                           quoted(func.type(operand).text()));
      }
    }
    out += "  }\n";
  }
  return out + "}\n";
}

}  // namespace tarn
