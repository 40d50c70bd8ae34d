// Golden files: golden/fail_*.tarn (and warn_*.tarn) hold programs with mistakes.  What the compiler says about a line
// stands at its end:   // error@COLUMN: text [rule]      (column 0, on the first line: a message without a place)
// A first line `// options: -D NAME=VALUE` sets constants.  TARN_BLESS=1 rewrites the expectations; look at the diff.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "frontend/compile.h"

namespace fs = std::filesystem;
using namespace tarn;

static std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

static std::vector<fs::path> golden_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(TARN_SOURCE_DIR) / "tests/frontend/golden")) {
    if (entry.path().extension() == ".tarn") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

static std::string without_marks(const std::string& line) {
  return std::regex_replace(line, std::regex(R"(\s*// (error|warning)@.*$)"), "");
}

static FrontendOptions options_of(const std::string& text) {
  FrontendOptions options;
  std::smatch found;
  if (std::regex_search(text, found, std::regex(R"(// options: -D (\w+)=(\w+))"))) options.defines[found[1]] = found[2];
  return options;
}

// The file's text with what the compiler says now.
static std::string annotated(const fs::path& path, std::set<std::string>& rules) {
  std::vector<std::string> lines;
  std::stringstream stream(read_file(path));
  std::string clean;
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(without_marks(line));
    clean += lines.back() + "\n";
  }
  SourceManager sources;
  uint32_t file = sources.add(path.filename().string(), clean);
  DiagnosticSink sink;
  bool is_compiled = compile_source(sources, file, options_of(clean), sink).has_value();
  CHECK(is_compiled == !sink.has_errors());
  std::vector<std::vector<std::pair<uint32_t, std::string>>> marks(lines.size());
  for (const Diagnostic& diagnostic : sink.all()) {
    Location where = diagnostic.span.is_known() ? sources.locate(diagnostic.span) : Location{};
    CHECK((!diagnostic.span.is_known() || diagnostic.span.file == file));  // never in the library
    rules.insert(diagnostic.rule);
    size_t line = std::min<size_t>(where.line == 0 ? 0 : where.line - 1, lines.size() - 1);
    const char* severity = diagnostic.severity == Severity::Error ? "error" : "warning";
    marks[line].emplace_back(
        where.column, fmt::format("// {}@{}: {} [{}]", severity, where.column, diagnostic.message, diagnostic.rule));
  }
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::sort(marks[i].begin(), marks[i].end());
    text += lines[i];
    for (const auto& [column, mark] : marks[i]) text += "  " + mark;
    text += "\n";
  }
  return text;
}

// The rules that the front end's source names.
static std::set<std::string> rules_of_source() {
  std::set<std::string> rules;
  std::regex literal(R"re("((?:syntax|unsupported)|[a-z]+\.[A-Za-z]\w*)")re");
  for (const auto& entry : fs::directory_iterator(fs::path(TARN_SOURCE_DIR) / "frontend")) {
    if (entry.path().extension() != ".cpp") continue;
    std::string text = read_file(entry.path());
    for (auto at = std::sregex_iterator(text.begin(), text.end(), literal); at != std::sregex_iterator(); ++at)
      if ((*at)[1].str().find(".npy") == std::string::npos) rules.insert((*at)[1]);
  }
  rules.erase("step.new");   // a value's name
  rules.erase("matmul.C3");  // the IR's own rules, should one not be foreseen here
  return rules;
}

TEST_CASE("every rule has a golden, and the goldens hold") {
  bool bless = std::getenv("TARN_BLESS") != nullptr;
  std::set<std::string> rules;
  for (const fs::path& path : golden_files()) {
    CAPTURE(path.filename().string());
    std::string expected = read_file(path), actual = annotated(path, rules);
    bool is_failing = path.filename().string().rfind("fail_", 0) == 0;
    CHECK(is_failing == (actual.find("// error@") != std::string::npos));
    if (bless && actual != expected) std::ofstream(path, std::ios::binary) << actual;
    if (!bless) {
      INFO("TARN_BLESS=1 frontend_tests -tc='every rule*' rewrites the expectations");
      CHECK(actual == expected);
    }
  }
  std::string reference = read_file(fs::path(TARN_SOURCE_DIR) / "docs/language.md");
  for (const std::string& rule : rules_of_source()) {
    CAPTURE(rule);
    CHECK(rules.count(rule) == 1);
    CHECK(reference.find("`" + rule + "`") != std::string::npos);
  }
}
