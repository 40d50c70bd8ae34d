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

// The row of the table of layers that describes this one.
static std::string row_of(const std::string& text, const std::string& layer) {
  std::smatch found;
  std::regex row("\n(\\|[^|\n]*`" + layer + "(\\[|`)[^\n]*)");
  return std::regex_search(text, found, row) ? found[1].str() : "";
}

TEST_CASE("one table has every layer of the library, with its parameters and states") {
  std::string text = read_file("docs/language.md");
  size_t begin = text.find("| layers | |"), end = text.find("\n\n", begin);
  REQUIRE(begin != std::string::npos);
  std::string table = text.substr(begin, end - begin) + "\n";
  for (const LibraryFile& file : library_files()) {
    SourceManager sources;
    DiagnosticSink sink;
    ast::File tree = parse_file(sources, sources.add(std::string(file.name), std::string(file.text)), sink);
    for (const auto& decl : tree.decls) {
      if (decl->kind != ast::DeclKind::Layer) continue;
      CAPTURE(decl->name.text);
      std::string row = row_of(table, decl->name.text);
      CHECK_FALSE(row.empty());
      for (const ast::Stmt& stmt : decl->body->statements) {
        if (stmt.kind != ast::StmtKind::Param && stmt.kind != ast::StmtKind::State) continue;
        CAPTURE(stmt.names[0].text);
        CHECK(row.find("`" + stmt.names[0].text + ": [") != std::string::npos);
      }
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
