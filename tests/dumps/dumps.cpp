// The pipeline with a directory for dumps, then once more from each file of it.
#include "tests/dumps/dumps.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "frontend/compile.h"
#include "ir/base/diagnostic.h"
#include "ir/parse.h"
#include "ir/print.h"
#include "passes/pipeline.h"

namespace tarn {

static std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

static std::string with_locations(const Module& module) {
  return print(module, {.locations = true});
}

static Module parsed(const std::string& text) {
  SourceManager sources;
  DiagnosticSink sink;
  std::optional<Module> module = parse_ir(sources, sources.add("dump", text), sink);
  REQUIRE_MESSAGE(module, render_text(sink, sources, {}));
  return std::move(*module);
}

static Module compiled(const std::string& model) {
  SourceManager sources;
  DiagnosticSink sink;
  uint32_t file = sources.add(model, text_of(std::filesystem::path(TARN_SOURCE_DIR) / model));
  std::optional<Module> module = compile_source(sources, file, {}, sink);
  REQUIRE_MESSAGE(module, render_text(sink, sources, {}));
  return std::move(*module);
}

void check_dumps(const std::string& model, int opt_level) {
  CAPTURE(model);
  CAPTURE(opt_level);
  std::string name = std::filesystem::path(model).stem();
  std::filesystem::path directory =
      std::filesystem::path(TARN_BINARY_DIR) / "tests/dumps" / (name + std::to_string(opt_level));
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  PipelineOptions options;
  options.opt_level = opt_level;
  options.dump_dir = directory;
  options.dump_locations = true;
  Module module = compiled(model);
  PipelineResult whole = run_pipeline(module, options);
  REQUIRE_MESSAGE(whole.ok(), whole.errors.front().message);
  const std::string expected = with_locations(module);
  options.dump_dir.clear();
  size_t dumps = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    CAPTURE(entry.path().filename().string());
    ++dumps;
    std::string text = text_of(entry.path());
    Module read = parsed(text);
    CHECK((with_locations(read) == text));
    PipelineResult rest = run_pipeline(read, options);
    REQUIRE_MESSAGE(rest.ok(), rest.errors.front().message);
    CHECK((with_locations(read) == expected));
  }
  CHECK(dumps == whole.reports.size() + 1);
}

}  // namespace tarn
