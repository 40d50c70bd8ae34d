// Golden files of passes: tests/golden/passes/*.tarnir.
//
//   // pass: cse                    the passes to run, separated by commas
//   // shows: <one sentence>
//   module @m ...                   the input
//   // ----
//   module @m ...                   the whole expected output, or `error: <message> [rule]`
//
// TARN_BLESS=1 writes the output into the files.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "ir/parse.h"
#include "ir/print.h"
#include "passes/pipeline.h"

namespace tarn {
namespace {

constexpr std::string_view kSeparator = "// ----\n";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The rest of the line that starts with `key`.
std::string header(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key)) return line.substr(key.size());
  }
  return "";
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

std::string run_passes(const std::string& name, const std::string& input, const std::vector<std::string>& passes) {
  SourceManager sources;
  DiagnosticSink sink;
  std::optional<Module> module = parse_ir(sources, sources.add(name, input), sink);
  if (!module) return render_text(sink, sources, {});
  PipelineResult result = run_pipeline(*module, {.passes = passes});
  if (result.ok()) return print(*module);
  std::string out;
  for (const Error& error : result.errors) {
    std::string place = error.location.text();
    out += fmt::format("{}{}error: {} [{}]\n", place, place.empty() ? "" : ": ", error.message, error.rule);
  }
  return out;
}

// Lines that differ, as `- expected` and `+ actual`, with the common start and end left out.
std::string difference(const std::string& expected, const std::string& actual) {
  std::vector<std::string> a = split(expected, '\n'), b = split(actual, '\n');
  size_t begin = 0;
  while (begin < std::min(a.size(), b.size()) && a[begin] == b[begin]) ++begin;
  size_t end = 0;
  while (end < std::min(a.size(), b.size()) - begin && a[a.size() - 1 - end] == b[b.size() - 1 - end]) ++end;
  std::string out;
  for (size_t i = begin; i < a.size() - end; ++i) out += "- " + a[i] + "\n";
  for (size_t i = begin; i < b.size() - end; ++i) out += "+ " + b[i] + "\n";
  return out;
}

void check_file(const std::filesystem::path& path) {
  std::string text = read_file(path), name = path.filename().string();
  size_t separator = text.find(kSeparator);
  std::string input = text.substr(0, separator);
  CHECK_MESSAGE(!header(input, "// shows: ").empty(), name, " does not say what it shows");
  std::string actual = run_passes(name, input, split(header(input, "// pass: "), ','));
  if (std::getenv("TARN_BLESS")) {
    std::ofstream(path, std::ios::binary) << input << kSeparator << actual;
    return;
  }
  REQUIRE_MESSAGE(separator != std::string::npos, name, " has no `// ----`; TARN_BLESS=1 ctest -R passes_test adds it");
  std::string expected = text.substr(separator + kSeparator.size());
  constexpr int kMaxLines = 40;
  CHECK_MESSAGE(std::count(expected.begin(), expected.end(), '\n') <= kMaxLines, name, " is too big a case");
  CHECK_MESSAGE(actual == expected, name, " differs:\n", difference(expected, actual), "this file alone: tarn opt -p ",
                header(input, "// pass: "), " tests/golden/passes/", name,
                "\naccept the new text: TARN_BLESS=1 ctest -R passes_test\n");
}

}  // namespace

TEST_CASE("golden files of passes") {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(TARN_SOURCE_DIR) + "/tests/golden/passes")) {
    if (entry.path().extension() == ".tarnir") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  CHECK(paths.size() >= 8);
  for (const std::filesystem::path& path : paths) check_file(path);
}

}  // namespace tarn
