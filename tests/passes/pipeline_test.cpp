// The runner: what it runs, reports, refuses and dumps.
#include "passes/pipeline.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "ir/builder.h"
#include "ir/parse.h"
#include "ir/print.h"
#include "tests/random_graph.h"

namespace tarn {
namespace {

Module module_with_gradients() {
  Module module = random_module(11);
  REQUIRE(add_loss_and_gradients(module.funcs[0], 11));
  return module;
}

std::vector<std::string> names_of(const PipelineResult& result) {
  std::vector<std::string> names;
  for (const PassReport& report : result.reports) names.emplace_back(report.name);
  return names;
}

// A folder of its own, removed at the end.
struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("tarn_pipeline_test.{}", getpid());
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("every step has a reason, a summary and a pass that is found by its name") {
  std::set<std::string_view> names;
  for (const PipelineStep& step : pipeline()) {
    CHECK(!step.reason.empty());
    CHECK(!step.pass->summary.empty());
    CHECK(find_pass(step.pass->name) == step.pass);
  }
  CHECK(find_pass("nothing") == nullptr);
}

TEST_CASE("-O0 leaves out what only speeds up; stop_after and a list of names choose passes") {
  Module module = module_with_gradients();
  Module copy = module;
  CHECK(names_of(run_pipeline(copy, {.opt_level = 0, .stop_after = "dce"})) ==
        std::vector<std::string>{"autodiff", "dce"});
  copy = module;
  CHECK(names_of(run_pipeline(copy, {.stop_after = "loop_motion"})) ==
        std::vector<std::string>{"contract_order", "autodiff", "simplify", "cse", "dce", "loop_motion"});
  CHECK(names_of(run_pipeline(copy, {.passes = {"dce", "cse"}})) == std::vector<std::string>{"dce", "cse"});
}

TEST_CASE("unknown passes and unsound modules are the user's errors") {
  Module module = module_with_gradients();
  PipelineResult result = run_pipeline(module, {.passes = {"simplfy"}});
  REQUIRE(!result.ok());
  CHECK(result.errors[0].message == "there is no pass `simplfy`; did you mean `simplify`?");
  CHECK(!run_pipeline(module, {.stop_after = "optimize_everything"}).ok());
  module.funcs[0].name = "";
  CHECK(run_pipeline(module, {.passes = {"dce"}}).errors[0].rule == "ir.verify");
}

TEST_CASE("dumps are numbered, and from each of them the compiler can go on") {
  TemporaryFolder folder;
  Module module = module_with_gradients();
  PipelineResult result = run_pipeline(module, {.stop_after = "fuse", .dump_dir = folder.path.string()});
  REQUIRE(result.ok());
  std::string last = print(module);
  std::vector<std::string> files = {"00.input.tarnir"};
  for (size_t i = 0; i < result.reports.size(); ++i) {
    files.push_back(fmt::format("{:02}.{}.tarnir", i + 1, result.reports[i].name));
  }
  for (size_t i = 0; i < files.size(); ++i) {
    CAPTURE(files[i]);
    std::ifstream file(folder.path / files[i], std::ios::binary);
    SourceManager sources;
    DiagnosticSink sink;
    std::string text{std::istreambuf_iterator<char>(file), {}};
    std::optional<Module> resumed = parse_ir(sources, sources.add(files[i], text), sink);
    REQUIRE_MESSAGE(resumed, render_text(sink, sources, {}));
    if (i < result.reports.size()) {
      PipelineResult rest = run_pipeline(*resumed, {.stop_after = "fuse"});
      REQUIRE(rest.ok());
      CHECK(rest.reports.size() == result.reports.size() - i);
    }
    CHECK(print(*resumed) == last);
  }
  CHECK(!run_pipeline(module, {.passes = {"dce"}, .dump_dir = (folder.path / "missing").string()}).ok());
}

TEST_CASE("layout does what the target wishes, and no more") {
  auto copies_made = [](bool is_padded, const TargetWishes& wishes) {
    Module module;
    module.name = "m";
    Func& func = module.funcs.emplace_back();
    func.name = "f";
    Builder b(func);
    ValueId x = b.argument({DType::F32, {4, 5}}, "x", Role::Input);
    ValueId w = b.argument({DType::F32, {6, 5}}, "w", Role::Input);
    if (is_padded) {
      ValueId wide = b.pad(x, {0, 1}, {0, 0}, {0, 0}), v = b.argument({DType::F32, {6, 3}}, "v", Role::Input);
      b.result(b.contract(wide, v, {{"spec", "bn,nk->bk"}}), "y", Role::Output);
    } else {
      b.result(b.contract(x, w, {{"spec", "bn,kn->bk"}}), "y", Role::Output);
    }
    PipelineResult result = run_pipeline(module, {.wishes = wishes, .passes = {"layout"}});
    REQUIRE_MESSAGE(result.ok(), result.errors[0].message);
    return result.reports[0].changed;
  };
  CHECK(copies_made(false, {}) == 1);
  CHECK(copies_made(false, {.transposes_for_lanes = false}) == 0);
  CHECK(copies_made(true, {}) == 1);
  CHECK(copies_made(true, {.stores_padded_operands = false}) == 0);
}

TEST_CASE("the timing table has a line for each pass") {
  Module module = module_with_gradients();
  std::string table = timing_table(run_pipeline(module, {.stop_after = "dce"}));
  for (const char* name : {"autodiff", "simplify", "cse", "dce"}) CHECK(table.find(name) != std::string::npos);
}

}  // namespace tarn
