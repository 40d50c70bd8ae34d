// Every word that the project itself uses, tried as a name of the user's: what is truly taken is refused with its place
// and a cure, everything else compiles, and so does the header.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/driver/command.h"

namespace fs = std::filesystem;

namespace tarn {

using Names = std::vector<std::string>;

// Words of C and C++ that stand nowhere in these directories perhaps, and the names of common columns.
static constexpr const char* kMoreWords =
    "auto break case char const continue default do double else enum extern float goto int long register restrict "
    "return "
    "short signed sizeof static struct switch typedef union unsigned void volatile while asm bool catch class "
    "const_cast "
    "constexpr decltype delete dynamic_cast explicit export friend inline mutable namespace new noexcept nullptr "
    "operator "
    "private protected public reinterpret_cast static_assert static_cast template this thread_local throw try typeid "
    "typename using virtual wchar_t and_eq bitand bitor compl not_eq or_eq xor xor_eq main errno stdin linux unix step "
    "seed "
    "count epoch loss output rows row batch data input label index memory total_steps hyper parameter init reset x y";

static void add_words(const std::string& text, std::set<std::string>& words) {
  std::string word;
  for (char c : text + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
      word += c;
      continue;
    }
    if (!word.empty() && (std::islower(static_cast<unsigned char>(word[0])) || word[0] == '_')) words.insert(word);
    word.clear();
  }
}

static std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

static std::string without_comments(const std::string& text) {
  return std::regex_replace(text, std::regex("//[^\n]*"), "");
}

// Words that generated code, tables, flags, records and the language's library use, but those of the grammar.
static Names project_words() {
  std::set<std::string> words, keywords;
  for (const char* path : {"runtime/embed.h", "runtime/tarn_abi.h", "runtime/embed.c", "runtime/options.cpp",
                           "codegen/header/c_header.cpp", "frontend/builtins.cpp", "frontend/program.cpp",
                           "frontend/program_choice.cpp", "frontend/program_step.cpp", "frontend/data_format.cpp"}) {
    add_words(without_comments(text_of(fs::path(TARN_SOURCE_DIR) / path)), words);
  }
  for (const auto& entry : fs::directory_iterator(fs::path(TARN_SOURCE_DIR) / "frontend/std")) {
    add_words(without_comments(text_of(entry.path())), words);
  }
  add_words(kMoreWords, words);
  std::istringstream tokens(text_of(fs::path(TARN_SOURCE_DIR) / "frontend/token_kinds.def"));
  for (std::string line; std::getline(tokens, line);) {
    size_t open = line.find('"');
    if (line.rfind("TARN_KEYWORD", 0) == 0 && open != std::string::npos)
      keywords.insert(line.substr(open + 1, line.rfind('"') - open - 1));
  }
  REQUIRE(keywords.count("let") == 1);
  // A user's name hides the library's, and the programs below use these.
  for (const char* used : {"cols", "csv", "dense", "mean", "mse", "ones", "sgd"}) words.erase(used);
  Names names;
  std::set_difference(words.begin(), words.end(), keywords.begin(), keywords.end(), std::back_inserter(names));
  return names;
}

static std::string joined(const Names& names, const std::string& before, const std::string& after) {
  std::string text;
  for (const std::string& name : names) text += before + name + after;
  return text;
}

static const std::string kData = "data d9 = csv(\"p.csv\") { x9: f32[2] = cols[0..2]; y9: f32[2] = cols[2..4] }\n";
static const std::string kNet = "model m9(x9: f32[B,2]) = x9 |> dense[2] as fc9\n";

static std::string train(const std::string& loss, const std::string& more = "") {
  return fmt::format("train m9 on d9 {{\n  loss = mse(m9(x9), y9){}\n{}  optimizer = sgd(0.1); batch = 2\n}}\n", loss,
                     more);
}

struct Position {
  const char* what;
  std::function<std::string(const Names&)> program;
};

static const Position kPositions[] = {
    {"data field",
     [](const Names& names) {
       return "data d9 = csv(\"p.csv\") {\nx9: f32[2] = cols[0..2]; y9: f32[2] = cols[2..4]\n" +
              joined(names, "", ": f32[1] = cols[0]\n") + "}\n" + kNet + train(joined(names, " + mean(", ")"));
     }},
    {"input",
     [](const Names& names) {
       return "model m9(\n" + joined(names, "", ": f32[B,2],\n") + "x9: f32[B,2]) = x9 |> dense[2]\n";
     }},
    {"input beside a field",
     [](const Names& names) {
       std::string values;
       for (size_t i = 0; i < names.size(); ++i) values += "x9, ";
       std::string text =
           kData + "model m9(\n" + joined(names, "", ": f32[B,2],\n") + "x9: f32[B,2]) = x9 |> dense[2]\n";
       std::string block = train("");
       block.replace(block.find("m9(x9)"), 6, "m9(" + values + "x9)");
       return text + block;
     }},
    {"hyper",
     [](const Names& names) {
       return kData + joined(names, "hyper ", " = 0.5\n") + kNet + train(joined(names, " * ", ""));
     }},
    {"layer",
     [](const Names& names) {
       return kData + joined(names, "layer ", "(x9) { param w9: f32[2] = ones; return x9 * w9 }\n") +
              "model m9(x9: f32[B,2]) = x9" + joined(names, "\n|> ", "") + "\n" + train("");
     }},
    {"instance",
     [](const Names& names) {
       return kData + "model m9(x9: f32[B,2]) = x9" + joined(names, "\n|> scale9 as ", "") + "\n" +
              "layer scale9(x9) { param w9: f32[2] = ones; return x9 * w9 }\n" + train("");
     }},
    {"parameter",
     [](const Names& names) {
       return kData + "model m9(x9: f32[B,2]) {\n" + joined(names, "param ", ": f32[2] = ones\n") + "return x9" +
              joined(names, " * ", "") + "\n}\n" + train("");
     }},
    {"metric",
     [](const Names& names) { return kData + kNet + train("", joined(names, "metric ", " = mse(m9(x9), y9)\n")); }},
};

// The names that messages of the output refuse; each has a place in the file and says what to do.
static std::set<std::string> refused_names(const std::string& output, const Names& tried) {
  std::set<std::string> refused;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"severity\":\"error\"") == std::string::npos) continue;
    CAPTURE(line);
    CHECK(line.find("\"line\":") != std::string::npos);
    size_t open = line.find("\"message\":\"`"), begin = open + 12, close = line.find('`', begin);
    REQUIRE(open != std::string::npos);
    std::string name = line.substr(begin, close - begin);
    CHECK(line.find("; ", close) != std::string::npos);  // the cure
    REQUIRE(std::find(tried.begin(), tried.end(), name) != tried.end());
    refused.insert(name);
  }
  return refused;
}

// Builds a program with these names in that position; those that are refused go to `refused`.
static void try_names(const Workplace& here, const Position& position, Names names, std::set<std::string>& refused) {
  constexpr int kRounds = 3;  // what is found while declarations are entered hides what is found later
  CommandResult built;
  for (int round = 0; round < kRounds && built.exit_code != 0; ++round) {
    here.write("net.tarn", position.program(names));
    built = here.tarn("build net.tarn --emit=lib -O0 -o net --diagnostics=json");
    if (built.exit_code == 0) break;
    CAPTURE(built.output);
    REQUIRE(built.exit_code == 1);
    std::set<std::string> found = refused_names(built.output, names);
    std::erase_if(names, [&](const std::string& name) { return found.count(name) > 0; });
    refused.merge(found);
  }
  CAPTURE(built.output);
  REQUIRE(built.exit_code == 0);
  const std::string check = " -pedantic -Wall -Wextra -Werror -fsyntax-only use.c";
  CommandResult c = here.shell("gcc -std=c99" + check), cpp = here.shell("g++ -x c++ -std=c++11" + check);
  CHECK_MESSAGE(c.exit_code == 0, c.output.substr(0, 2000));
  CHECK_MESSAGE(cpp.exit_code == 0, cpp.output.substr(0, 2000));
}

TEST_CASE("words of the project as names: refused with a cure, or compiled, header and all") {
  constexpr size_t kAtOnce = 100;  // terms of a sum, whose tree may be 200 high
  const Names words = project_words();
  REQUIRE(words.size() > 500);
  Workplace here;
  here.write("use.c", "#include \"net.h\"\nint main(void) { return 0; }\n");
  for (const Position& position : kPositions) {
    CAPTURE(position.what);
    std::set<std::string> refused;
    for (size_t i = 0; i < words.size(); i += kAtOnce) {
      auto begin = words.begin() + static_cast<std::ptrdiff_t>(i);
      try_names(here, position, Names(begin, begin + static_cast<std::ptrdiff_t>(std::min(kAtOnce, words.size() - i))),
                refused);
    }
    CHECK(refused.size() < 25);
  }
}

TEST_CASE("a header has one name for each thing") {
  Workplace here;
  here.write("net.tarn",
             "hyper lr = 0.1\nhyper rows = 2\n"
             "data d = csv(\"p.csv\") { x: f32[2] = cols[0..2]; hyper_lr: f32[2] = cols[2..4]; parameter: f32[2] = "
             "cols[2..4]\n"
             "  metric_a: f32[1] = cols[0] }\n"
             "model net(x: f32[B,2]) = x |> dense[2]\n"
             "train net on d { loss = mse(net(x), hyper_lr) + mean(parameter) + rows * mean(metric_a)\n"
             "  metric a_memory = mean(x); optimizer = sgd(lr) }\n");
  CommandResult built = here.tarn("build net.tarn --emit=lib -o net");
  CAPTURE(built.output);
  REQUIRE(built.exit_code == 0);
  here.write("use.c",
             "#include \"net.h\"\n"
             "int main(void) {\n"
             "  static float x[2], y[2], p[2], value;\n"
             "  net_instance* m = NULL;\n"
             "  return net_set_x(m, x, 1) + net_set_hyper_lr_(m, y, 1) + net_set_hyper_lr(m, 0.1) + "
             "net_set_parameter_(m, p, 1) +\n"
             "         net_set_hyper_rows(m, 2) + (net_metric_a_memory(m) == NULL) + net_metric_a_memory_(m, &value);\n"
             "}\n");
  CommandResult used = here.shell("gcc -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only use.c");
  CHECK_MESSAGE(used.exit_code == 0, used.output);
}

TEST_CASE("a library's header hides no header of C, and takes nothing of the embedding API") {
  Workplace here;
  here.write("net.tarn", "model net(x: f32[B,2]) = x |> dense[2]\n");
  for (std::string name : {"string", "math", "tarn", "tarn_instance"}) {
    CommandResult result = here.tarn("build net.tarn --emit=lib -o " + name);
    CHECK(result.exit_code == 1);
    CHECK(result.output.find("`" + name + "`") != std::string::npos);
    CHECK_FALSE(here.has(name + ".h"));
  }
  for (std::string name : {"int", "class", "main", "strings"}) {
    CAPTURE(name);
    CHECK(here.tarn("build net.tarn --emit=lib -o " + name).exit_code == 0);
    here.write("use.c", "#include \"" + name + ".h\"\nint main(void) { return 0; }\n");
    CHECK(here.shell("gcc -std=c99 -Werror use.c -fsyntax-only && g++ -x c++ -Werror use.c -fsyntax-only").exit_code ==
          0);
  }
}

}  // namespace tarn
