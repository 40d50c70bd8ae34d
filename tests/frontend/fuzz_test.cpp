// No text crashes the compiler: every truncation of the examples, and random changes of their tokens.
#include <doctest/doctest.h>

#include <cstdlib>
#include <random>

#include "frontend/parser.h"
#include "frontend/print_ast.h"
#include "tests/frontend/support.h"

using namespace tarn;
using namespace tarn::test;

// Compiles; whatever the outcome, it must be an orderly one: a module, or errors.
static void try_compile(const std::string& text) {
  SourceManager sources;
  DiagnosticSink sink;
  uint32_t file = sources.add("fuzz.tarn", text);
  bool is_compiled = compile_source(sources, file, {}, sink).has_value();
  if (is_compiled == sink.has_errors()) FAIL(text);
  for (const Diagnostic& diagnostic : sink.all()) {
    if (diagnostic.span.is_known() && diagnostic.span.end > sources.file(diagnostic.span.file).text.size()) FAIL(text);
  }
  render_text(sink, sources, {});
}

static const std::vector<std::string>& seeds() {
  static const std::vector<std::string> texts = {read_file("examples/mnist.tarn"), read_file("examples/iris.tarn"),
                                                 read_file("tests/frontend/everything.tarn")};
  return texts;
}

TEST_CASE("every truncation") {
  for (const std::string& text : seeds()) {
    // All prefixes are parsed; one in seven is compiled, which takes longer.
    for (size_t length = 0; length < text.size(); ++length) {
      SourceManager sources;
      DiagnosticSink sink;
      parse_file(sources, sources.add("fuzz.tarn", text.substr(0, length)), sink);
      if (length % 7 == 0) try_compile(text.substr(0, length));
    }
  }
}

static std::vector<std::string> tokens_of(const std::string& text) {
  std::vector<std::string> tokens;
  for (char c : text) {
    bool is_word = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
    bool continues = is_word && !tokens.empty() &&
                     (std::isalnum(static_cast<unsigned char>(tokens.back().back())) || tokens.back().back() == '_');
    if (continues)
      tokens.back() += c;
    else
      tokens.emplace_back(1, c);
  }
  return tokens;
}

TEST_CASE("random changes of tokens") {
  std::mt19937 random(20240607);
  std::vector<std::string> pool;
  for (const std::string& text : seeds()) {
    for (const std::string& token : tokens_of(text)) pool.push_back(token);
  }
  const char* wanted = std::getenv("TARN_FUZZ_ROUNDS");  // more than the few seconds of a normal run
  const int rounds = wanted ? std::atoi(wanted) : 600;
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    std::vector<std::string> tokens = tokens_of(seeds()[random() % seeds().size()]);
    for (uint32_t change = random() % 3 + 1; change > 0; --change) {
      size_t place = random() % tokens.size();
      switch (random() % 4) {
        case 0:
          tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(place));
          break;
        case 1:
          tokens[place] = pool[random() % pool.size()];
          break;
        case 2:
          tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(place), pool[random() % pool.size()]);
          break;
        default:
          std::swap(tokens[place], tokens[random() % tokens.size()]);
      }
    }
    std::string text;
    for (const std::string& token : tokens) text += token;
    try_compile(text);
  }
}

// Expressions nest in functions, functions in functions: the elaborator's recursion is bounded as a whole.
TEST_CASE("deep recursion of every kind ends in a message") {
  std::string chain = "x", power = "x";
  for (int i = 0; i < 90; ++i) chain = "(" + chain + " + 1)", power += " |> f";
  try_compile("fn f(x) = if 1 > 0 { g(" + chain + ") } else { x }\nfn g(x) = (" + chain +
              ") |> f\nmodel m(x: f32[B, 4]) = f(x)\n");
  try_compile("layer l[N](x) = x |> dense[4] |> l[N + 1]\nmodel m(x: f32[B, 4]) = x |> l[0]\n");
  try_compile(
      "layer l[N](x) = x |> for F in 0..1000 { for G in 0..1000 { for H in 0..1000 { relu } } }\n"
      "model m(x: f32[B, 4]) = x |> l[0]\n");
  try_compile(
      "fn same(x) = x\nmodel m(x: f32[B, 4]) = x |> for F in 0..9000 { for G in 0..9000 { same } } |> dense[3]\n");
  std::string constants = "const c0 = 1\n";
  for (int i = 1; i < 5000; ++i) constants += "const c" + std::to_string(i) + " = c" + std::to_string(i - 1) + " + 1\n";
  try_compile(constants + "model m(x: f32[B, 4]) = x |> dense[c4999]\n");
}

TEST_CASE("random bytes") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (uint32_t i = random() % 200; i > 0; --i) text += static_cast<char>(random() % 256);
    try_compile(text);
    try_compile("model m(x: f32[B, 4]) = x |> " + text);
  }
}

TEST_CASE("the printed tree of the examples is the tree") {
  for (const std::string& text : seeds()) {
    SourceManager sources;
    DiagnosticSink sink;
    std::string once = print_ast(parse_file(sources, sources.add("a.tarn", text), sink));
    CHECK(once == print_ast(parse_file(sources, sources.add("b.tarn", once), sink)));
    CHECK_FALSE(sink.has_errors());
  }
}
