// Passes keep what a reduction accumulates in: each golden input once more with all its reductions in f64.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "ir/accumulation.h"
#include "ir/op_def.h"
#include "ir/parse.h"
#include "ir/print.h"
#include "passes/pipeline.h"

namespace tarn {
namespace {

bool can_accumulate(const Op& op) {
  for (const AttrSpec& spec : op.def->attrs) {
    if (spec.name == kAccumulateAttr.name) return true;
  }
  return false;
}

int64_t set_accumulation(Module& module, bool is_wide) {
  int64_t count = 0;
  for (Func& func : module.funcs) {
    for (Op& op : func.ops) {
      if (!can_accumulate(op) || func.type(op.result()).dtype != DType::F32) continue;
      op.attrs.erase("accumulate");
      if (is_wide) op.attrs = with_attr(std::move(op.attrs), "accumulate", std::string("f64"));
      ++count;
    }
  }
  return count;
}

// The golden file's input after its passes; nullopt where they find an error.
std::optional<Module> after_passes(const std::string& text, bool is_wide, int64_t& reductions) {
  SourceManager sources;
  DiagnosticSink sink;
  std::optional<Module> module = parse_ir(sources, sources.add("golden", text), sink);
  REQUIRE(module);
  reductions = set_accumulation(*module, is_wide);
  PipelineOptions options;
  std::string names = text.substr(9, text.find('\n') - 9);  // behind "// pass: "
  for (size_t at = 0; at < names.size();
       at = names.find(',', at) == std::string::npos ? names.size() : names.find(',', at) + 1) {
    options.passes.push_back(names.substr(at, names.find(',', at) - at));
  }
  if (!run_pipeline(*module, options).ok()) return std::nullopt;
  return module;
}

}  // namespace

TEST_CASE("passes keep what reductions accumulate in, and do with them what they do with others") {
  int64_t met = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TARN_SOURCE_DIR "/tests/golden/passes")) {
    CAPTURE(entry.path().filename().string());
    std::ifstream file(entry.path(), std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    text = text.substr(0, text.find("// ----"));
    int64_t reductions = 0;
    std::optional<Module> plain = after_passes(text, false, reductions), wide = after_passes(text, true, reductions);
    if (!plain || !wide || reductions == 0) continue;
    met += reductions;
    for (const Func& func : wide->funcs) {
      for (const Op& op : func.ops) {
        if (!std::holds_alternative<Contract>(op.def->body)) continue;
        CHECK_MESSAGE(accumulation(op.attrs, DType::F32) == DType::F64, print(func, op));
      }
    }
    // Parts of a product would be added up in f32.
    if (entry.path().stem() == "loop_motion_concat") continue;
    set_accumulation(*plain, false);
    set_accumulation(*wide, false);
    CHECK(print(*plain) == print(*wide));
  }
  CHECK(met > 10);
}

TEST_CASE("one reduction for two accumulates in the wider of their dtypes") {
  Attrs narrow = {{"spec", "k,k->"}}, wide = {{"accumulate", "f64"}, {"spec", "k,k->"}};
  CHECK(joined_accumulation(narrow, wide) == wide);
  CHECK(joined_accumulation(wide, narrow) == wide);
  CHECK(joined_accumulation(narrow, narrow) == narrow);
  Attrs i32 = {{"accumulate", "i32"}}, i64 = {{"accumulate", "i64"}};
  CHECK(joined_accumulation(i32, i64) == i64);
  CHECK(joined_accumulation(i64, i32) == i64);
}

}  // namespace tarn
