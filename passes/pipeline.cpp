// The list, then its runner.
#include "passes/pipeline.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdio>

#include "ir/base/check.h"
#include "ir/base/diagnostic.h"
#include "ir/print.h"
#include "ir/verify.h"
#include "passes/autodiff.h"
#include "passes/contract_order.h"
#include "passes/cse.h"
#include "passes/dce.h"
#include "passes/fuse.h"
#include "passes/layout.h"
#include "passes/loop_motion.h"
#include "passes/memory/plan_memory.h"
#include "passes/pipeline_record.h"
#include "passes/simplify.h"
#include "passes/sink_merges.h"
#include "passes/sink_views.h"

namespace tarn {

static constexpr PipelineStep kPipeline[] = {
    {&pass_contract_order, 1, "products as written, each value with its readers: a gradient reads what it is made of"},
    {&pass_autodiff, 0, "gradients of the code as written: names and places are the user's"},
    {&pass_simplify, 1, "rules of ops state constants and views that cancel"},
    {&pass_cse, 1, "and constants, slopes and forward values anew for each op"},
    {&pass_dce, 0, "metrics that the entry point does not return, gradients that nothing reads"},
    {&pass_loop_motion, 1, "products over time: forward and backward loops are as small as they get"},
    {&pass_simplify, 1, "whole sequences are transposed, sliced and repeated"},
    {&pass_cse, 1, "what several loops or readers moved out"},
    {&pass_dce, 1, "slices and outputs that loops no longer need"},
    {&pass_sink_views, 1, "gradients of windows, when all of their readers are known"},
    {&pass_sink_merges, 1, "gradients of pooling and of heads, which layout and fuse then see as one"},
    {&pass_cse, 1, "forward and backward products read the same padded tensors"},
    {&pass_dce, 1, "views that moved"},
    {&pass_layout, 0, "operands as kernels read them, before their readers are chosen"},
    {&pass_loop_invariants, 1, "weights that layout copied within loops"},
    {&pass_fuse, 0, "kernels: at -O0 too, for back ends know nothing else"},
    {&pass_plan_memory, 0, "places in the arena, when kernels and their order are final"},
};

std::span<const PipelineStep> pipeline() {
  return kPipeline;
}

const Pass* find_pass(std::string_view name) {
  for (const PipelineStep& step : kPipeline) {
    if (step.pass->name == name) return step.pass;
  }
  return nullptr;
}

static Error unknown_pass(std::string_view name) {
  std::vector<std::string> names;
  for (const PipelineStep& step : kPipeline) names.emplace_back(step.pass->name);
  std::string nearest = nearest_name(name, names);
  std::string hint = nearest.empty() ? fmt::format("the passes are {}", fmt::join(names, ", "))
                                     : fmt::format("did you mean `{}`?", nearest);
  return {fmt::format("there is no pass `{}`; {}", name, hint), "pass.unknown"};
}

// The passes that the options ask for and that are not done, up to and with the last run of stop_after.
static Result<std::vector<const Pass*>> chosen_passes(const Module& module, const PipelineOptions& options) {
  Result<size_t> first = first_step_to_do(module);
  if (!first) return first.error();
  std::vector<const Pass*> chosen;
  for (const std::string& name : options.passes) {
    const Pass* pass = find_pass(name);
    if (!pass) return unknown_pass(name);
    chosen.push_back(pass);
  }
  if (options.passes.empty()) {
    for (const PipelineStep& step : pipeline().subspan(*first)) {
      if (options.opt_level >= step.min_level) chosen.push_back(step.pass);
    }
  }
  if (options.stop_after.empty()) return chosen;
  if (!find_pass(options.stop_after)) return unknown_pass(options.stop_after);
  while (!chosen.empty() && chosen.back()->name != options.stop_after) chosen.pop_back();
  if (chosen.empty()) {
    return Error{fmt::format("pass `{}` does not run at -O{}{}", options.stop_after, options.opt_level,
                             *first == 0 ? "" : " any more: record `pipeline` lists what has run"),
                 "pass.unknown"};
  }
  return chosen;
}

static std::optional<Error> dump(const Module& module, size_t number, std::string_view name,
                                 const PipelineOptions& options) {
  if (options.dump_dir.empty()) return std::nullopt;
  std::string path = fmt::format("{}/{:02}.{}.tarnir", options.dump_dir, number, name);
  std::string text = print(module, {.locations = options.dump_locations});
  std::FILE* file = std::fopen(path.c_str(), "wb");
  bool written = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  written = file && std::fclose(file) == 0 && written;
  if (!written) return Error{fmt::format("cannot write {}", path), "dump.write"};
  return std::nullopt;
}

static void check_after(const Module& module, std::string_view pass) {
  std::vector<std::string> violations = verify(module);
  if (violations.empty()) return;
  constexpr size_t kMaxShown = 20000;  // characters of IR
  TARN_CHECK(false, "the IR after pass {} is unsound:\n  {}\n{}", pass, fmt::join(violations, "\n  "),
             print(module).substr(0, kMaxShown));
}

static std::optional<Error> run_one(Module& module, const Pass& pass, const TargetWishes& wishes, PassReport& report) {
  set_current_activity(fmt::format("pass {} on module {}", pass.name, module.name));
  auto start = std::chrono::steady_clock::now();
  Result<PassStats> stats = pass.run(module, wishes);
  report.name = pass.name;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!stats) return stats.error();
  report.changed = stats->changed;
  return std::nullopt;
}

PipelineResult run_pipeline(Module& module, const PipelineOptions& options) {
  PipelineResult result;
  Result<std::vector<const Pass*>> passes = chosen_passes(module, options);
  if (!passes) result.errors.push_back(passes.error());
  for (std::string& violation : verify(module)) result.errors.push_back({std::move(violation), "ir.verify"});
  if (!result.ok()) return result;
  auto failed = [&](std::optional<Error> error) {
    if (error) result.errors.push_back(std::move(*error));
    return !result.ok();
  };
  for (Func& func : module.funcs) renumber_values(func);
  if (failed(dump(module, 0, "input", options))) return result;
  for (const Pass* pass : *passes) {
    result.reports.emplace_back();
    if (failed(run_one(module, *pass, options.wishes, result.reports.back()))) break;
    if (options.verify_each) check_after(module, pass->name);
    for (Func& func : module.funcs) renumber_values(func);
    if (options.passes.empty()) note_step_done(module, pass->name);
    if (failed(dump(module, result.reports.size(), pass->name, options))) break;
  }
  set_current_activity("");
  return result;
}

std::string timing_table(const PipelineResult& result) {
  double total = 0;
  for (const PassReport& report : result.reports) total += report.seconds;
  std::string out = "pass              ms   share   changed\n";
  for (const PassReport& report : result.reports) {
    out += fmt::format("{:<12} {:7.2f} {:6.1f}% {:9}\n", report.name, report.seconds * 1e3,
                       total > 0 ? 100 * report.seconds / total : 0.0, report.changed);
  }
  return out;
}

}  // namespace tarn
