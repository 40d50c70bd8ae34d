// Follows a value into the kernels that read it, through views up to the first op that computes with it.
#include "driver/explain_uses.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <vector>

#include "ir/op_def.h"
#include "ir/scan.h"
#include "ir/view_map.h"

namespace tarn {

namespace {

bool is_view(const Op& op) {
  return std::holds_alternative<View>(op.def->body);
}

bool reads(const Op& op, ValueId value) {
  return std::find(op.operands.begin(), op.operands.end(), value) != op.operands.end();
}

void add_once(std::vector<std::string>& texts, std::string text) {
  if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(std::move(text));
}

// A reason to have all of the operand in memory; nothing where the op reads only the element at its own index.
std::string need_of(const Op& op) {
  if (std::holds_alternative<Contract>(op.def->body)) return "product";
  if (std::holds_alternative<Reduce>(op.def->body))
    return fmt::format("{} over {}", op.def->name, fmt::join(attr_ints(op.attrs, "axes"), ","));
  if (std::holds_alternative<Gather>(op.def->body) || std::holds_alternative<Scatter>(op.def->body))
    return std::string(op.def->name);
  return "";
}

// What the kernel's ops that read `value` need it for.
void collect_needs(const Func& kernel, ValueId value, std::vector<std::string>& needs) {
  for (const Op& op : kernel.ops) {
    if (!reads(op, value)) continue;
    std::optional<std::vector<AffineIndex>> map;
    if (is_view(op)) map = view_map(kernel, op);
    if (map && leaves_range(*map, kernel.type(op.result()).shape, kernel.type(value).shape)) {
      add_once(needs, std::string(op.def->name));
    } else if (is_view(op)) {
      collect_needs(kernel, op.result(), needs);
    } else if (std::string need = need_of(op); !need.empty()) {
      add_once(needs, std::move(need));
    }
  }
}

// True where `reader` needs a kernel that needs the one that makes `value`: then the two cannot be one kernel.
bool waits_for_others(const Func& func, ValueId value, const Op& reader) {
  std::vector<ValueId> made = {value};
  std::set<ValueId> later;  // what other ops compute from it
  for (const Op& op : func.ops) {
    if (std::find(op.results.begin(), op.results.end(), value) != op.results.end()) made = op.results;
    auto is_later = [&](ValueId x) { return later.contains(x); };
    auto is_made = [&](ValueId x) { return std::find(made.begin(), made.end(), x) != made.end(); };
    if (&op == &reader) return std::any_of(op.operands.begin(), op.operands.end(), is_later);
    if (std::any_of(op.operands.begin(), op.operands.end(), [&](ValueId x) { return is_made(x) || is_later(x); })) {
      later.insert(op.results.begin(), op.results.end());
    }
  }
  return false;
}

std::string reader_text(const Module& module, const Func& func, ValueId value, const Op& op) {
  std::string callee = attr_string(op.attrs, "callee");
  std::string name = callee.substr(func.name.size() + 1);
  if (func.type(value).rank() == 0) return name;
  const Func& kernel = *module.find(callee);
  std::vector<std::string> needs;
  for (size_t i = 0; i < op.operands.size(); ++i) {
    if (op.operands[i] == value) collect_needs(kernel, kernel.args[i].value, needs);
  }
  if (needs.empty()) needs.emplace_back(waits_for_others(func, value, op) ? "later" : "other loops");
  return fmt::format("{} ({})", name, fmt::join(needs, ", "));
}

void collect_readers(const Module& module, const Func& func, ValueId value, std::vector<std::string>& readers) {
  for (const FuncResult& result : func.results) {
    if (result.value == value) add_once(readers, fmt::format("result `{}`", result.name));
  }
  for (const Op& op : func.ops) {
    if (!reads(op, value)) continue;
    if (is_view(op))
      collect_readers(module, func, op.result(), readers);
    else
      add_once(readers, is_scan(op) ? "loop " + ScanParts(op).body : reader_text(module, func, value, op));
  }
}

}  // namespace

std::string uses_of(const Module& module, const Func& func, ValueId value) {
  std::vector<std::string> readers;
  collect_readers(module, func, value, readers);
  if (readers.empty()) return "nothing reads it";
  constexpr size_t kShown = 8;
  if (readers.size() <= kShown + 1) return fmt::format("for {}", fmt::join(readers, ", "));
  size_t more = readers.size() - kShown;
  readers.resize(kShown);
  return fmt::format("for {} and {} others", fmt::join(readers, ", "), more);
}

}  // namespace tarn
