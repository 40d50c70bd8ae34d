// Writes the page behind `tarn build --emit=html`.
#include "driver/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "driver/explain.h"
#include "ir/entry.h"
#include "ir/op_def.h"
#include "passes/memory/memory_plan.h"

namespace tarn {

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --line: #8884; --bar: #3a7bd5; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
code, pre, td.name, svg text { font-family: ui-monospace, monospace; font-size: 13px; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; } th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
td.number { text-align: right; white-space: nowrap; }
.bar { background: var(--bar); height: .5rem; border-radius: 2px; min-width: 1px; }
pre { background: var(--soft); padding: .7rem; overflow-x: auto; border-radius: 4px; }
summary { cursor: pointer; } svg { width: 100%; height: auto; background: var(--soft); border-radius: 4px; }
rect { stroke: #0006; stroke-width: .6; } svg text { font-size: 10px; fill: currentColor; pointer-events: none; }
.muted { opacity: .65; }
)";

std::string count_text(double value) {
  if (value >= 1e9) return fmt::format("{:.2f} G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.2f} M", value / 1e6);
  if (value >= 1e3) return fmt::format("{:.1f} k", value / 1e3);
  return fmt::format("{:.0f} ", value);
}

// Of all runs.
KernelCost total(const LaunchStep& launch) {
  KernelCost cost = cost_of(launch.kernel);
  auto runs = static_cast<double>(launch.runs());
  return {runs * cost.flops, runs * cost.bytes};
}

// Without the entry point's name; kernels of a loop keep the loop's.
std::string short_name(const std::string& name, const ProgramEntry& entry) {
  return name.starts_with(entry.name + ".") ? name.substr(entry.name.size() + 1) : name;
}

void kernel_table(std::string& out, const Module& module, const ProgramEntry& entry) {
  double most = 1;
  for (const LaunchStep* launch : launches_of(entry)) most = std::max(most, total(*launch).flops);
  out += "<table><tr><th>#</th><th>kernel</th><th>fuses</th><th>from</th><th>FLOP</th><th>bytes</th><th></th></tr>\n";
  size_t number = 0;
  for (const LaunchStep* launch : launches_of(entry)) {
    const Func& kernel = *module.find(launch->kernel.name);
    KernelCost cost = total(*launch);
    out += fmt::format(
        "<tr><td>{}</td><td class=\"name\">{}</td><td>{}</td><td class=\"muted\">{}</td>"
        "<td class=\"number\">{}</td><td class=\"number\">{}B</td>"
        "<td style=\"width:18%\"><div class=\"bar\" style=\"width:{:.1f}%\"></div></td></tr>\n",
        ++number, escaped(short_name(kernel.name, entry)), escaped(fused_ops(kernel)), escaped(source_lines(kernel)),
        count_text(cost.flops), count_text(cost.bytes), 100 * cost.flops / most);
  }
  out += "</table>\n";
}

// Time runs to the right, one column a kernel; the arena upwards.  Large arenas are drawn on a square-root scale of
// sizes, so that small buffers stay visible.
void arena_map(std::string& out, const Func& func, const Program& program, const MemoryPlan& plan) {
  constexpr double kWidth = 1000, kHeight = 360;
  std::vector<LiveRange> ranges = live_ranges(func);
  std::vector<int64_t> offsets;
  for (const MemoryPlan::Place& place : plan.places_of(func)) offsets.push_back(place.offset);
  double columns = static_cast<double>(std::max<size_t>(1, func.ops.size()));
  double scratch = static_cast<double>(program.arena_bytes - program.persistent_bytes);
  auto height_of = [&](double bytes) { return kHeight * std::sqrt(bytes / std::max(1.0, scratch)); };
  out += fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"scratch memory over time\">\n", kWidth,
                     kHeight);
  size_t color = 0;
  for (uint32_t v = 0; v < func.values.size(); ++v) {
    const LiveRange& range = ranges[v];
    auto base = static_cast<int64_t>(program.persistent_bytes);
    if (range.made < 0 || range.last_read < 0 || offsets[v] < base) continue;
    double x = kWidth * range.made / columns;
    double end = kWidth * (std::min<double>(range.last_read, columns - 1) + 1) / columns;
    auto begin_byte = static_cast<double>(offsets[v] - base);
    double low = height_of(begin_byte), high = height_of(begin_byte + static_cast<double>(func.values[v].type.bytes()));
    std::string name = escaped(func.values[v].name);
    out += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"hsl({} 55% 60%)\">"
        "<title>{} {} at {}, kernels {} to {}</title></rect>\n",
        x, kHeight - high, end - x, std::max(0.8, high - low), (color++ * 47) % 360, name, func.values[v].type.text(),
        offsets[v], range.made + 1, range.last_read + 1);
    if (high - low > 11 && end - x > 7.0 * static_cast<double>(name.size())) {
      out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", x + 3, kHeight - (low + high) / 2 + 3, name);
    }
  }
  out +=
      "</svg>\n<p class=\"muted\">Scratch memory of each value while it lives; one column a kernel, offsets upwards on "
      "a "
      "square-root scale.</p>\n";
}

void entry_section(std::string& out, const Module& module, const Program& program, const ProgramEntry& entry,
                   const MemoryPlan& plan) {
  out += fmt::format("<h2><code>{}</code></h2>\n", escaped(entry.name));
  kernel_table(out, module, entry);
  arena_map(out, *module.find(entry.name), program, plan);
  out += "<details><summary>loops of the kernels</summary>\n";
  for (const LaunchStep* launch : launches_of(entry)) {
    out += fmt::format("<pre>{}</pre>\n", escaped(print(launch->kernel)));
  }
  out += "</details>\n";
}

void tensor_table(std::string& out, const Program& program) {
  out += "<h2>Arena</h2>\n";
  out += fmt::format("<p>{} bytes: {} for the tensors below, {} of scratch.</p>\n", program.arena_bytes,
                     program.persistent_bytes, program.arena_bytes - program.persistent_bytes);
  out += "<table><tr><th>tensor</th><th>type</th><th>role</th><th>offset</th><th>bytes</th></tr>\n";
  for (const ProgramTensor& tensor : program.tensors) {
    out += fmt::format(
        "<tr><td class=\"name\">{}</td><td class=\"name\">{}</td><td>{}</td><td class=\"number\">{}</td>"
        "<td class=\"number\">{}</td></tr>\n",
        escaped(tensor.name), tensor.type.text(), role_name(tensor.role), tensor.offset, tensor.type.bytes());
  }
  out += "</table>\n";
}

}  // namespace

std::string html_page(const Module& module, const Program& program) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n<style>{1}</style></head>\n"
      "<body><h1>{0}</h1>\n",
      escaped(program.name), kStyle);
  Result<MemoryPlan> plan = read_memory_plan(module);
  for (bool is_init : {false, true}) {  // the training step is what one asks about; what sets it up comes last
    for (const ProgramEntry& entry : program.entries) {
      if ((entry.name == entry_name(EntryPoint::Init)) == is_init && plan)
        entry_section(out, module, program, entry, *plan);
    }
  }
  tensor_table(out, program);
  return out + "</body></html>\n";
}

}  // namespace tarn
