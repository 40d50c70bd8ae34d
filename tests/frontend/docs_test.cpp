// docs/language.md names every builtin, every declaration of the library and every rule; its examples compile.
#include <doctest/doctest.h>

#include <regex>

#include "frontend/builtins.h"
#include "frontend/library.h"
#include "frontend/parser.h"
#include "tests/frontend/support.h"

using namespace tarn;
using namespace tarn::test;

static bool mentions(const std::string& text, const std::string& name) {
  return std::regex_search(text, std::regex("\\b" + name + "\\b"));
}

TEST_CASE("the reference is complete") {
  std::string text = read_file("docs/language.md");
  for (const Builtin& builtin : all_builtins()) {
    CAPTURE(builtin.name);
    CHECK(mentions(text, builtin.name));
  }
  for (const LibraryFile& file : library_files()) {
    SourceManager sources;
    DiagnosticSink sink;
    ast::File tree = parse_file(sources, sources.add(std::string(file.name), std::string(file.text)), sink);
    CHECK_FALSE(sink.has_errors());
    for (const auto& decl : tree.decls) {
      CAPTURE(decl->name.text);
      CHECK(mentions(text, decl->name.text));
    }
  }
}

TEST_CASE("the declarations that the reference shows are sound") {
  std::string text = read_file("docs/language.md"), program;
  std::regex block("```\n([^`]*)```");
  int count = 0;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), block); at != std::sregex_iterator(); ++at) {
    std::string code = (*at)[1];
    bool declares = std::regex_search(code, std::regex("^(// iris|layer|init|optimizer|schedule|data)"));
    if (!declares) continue;
    program += code + "\n";
    ++count;
  }
  CHECK(count >= 6);
  program =
      std::regex_replace(program, std::regex("adam\\(lr = 0.01\\)"), "adam(lr = warmup(5) then polynomial(1 -> 0))");
  program = std::regex_replace(program, std::regex("dense\\[16\\]"), "dense[16, init = lecun_normal]");
  compile_expanded(program);
}
