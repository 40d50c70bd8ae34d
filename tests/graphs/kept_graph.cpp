// Comment lines tell the seed and what was found; the rest is IR text.
#include "tests/graphs/kept_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ir/base/check.h"
#include "ir/parse.h"
#include "ir/print.h"

namespace tarn {

static constexpr std::string_view kSeed = "// seed: ";

std::string kept_text(const Module& module, uint64_t seed, const std::string& found) {
  std::string line = found.substr(0, found.find('\n'));
  return fmt::format("{}{}\n// {}\n{}", kSeed, seed, line, print(module));
}

std::vector<KeptGraph> read_kept_graphs(const std::string& folder) {
  std::vector<KeptGraph> graphs;
  if (!std::filesystem::exists(folder)) return graphs;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    SourceManager sources;
    DiagnosticSink sink;
    std::optional<Module> module = parse_ir(sources, sources.add(entry.path(), text.str()), sink);
    TARN_CHECK(module, "{}", render_text(sink, sources, {}));
    size_t place = text.str().find(kSeed);
    TARN_CHECK(place == 0, "{}: no seed", entry.path().string());
    graphs.push_back({entry.path().filename(), std::stoull(text.str().substr(kSeed.size())), std::move(*module)});
  }
  std::sort(graphs.begin(), graphs.end(), [](const auto& a, const auto& b) { return a.file < b.file; });
  return graphs;
}

}  // namespace tarn
