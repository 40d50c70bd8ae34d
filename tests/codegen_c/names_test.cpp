// Names of a model as identifiers of C, and texts as literals and comments.
#include "codegen/target/c/emit/names.h"

#include <doctest/doctest.h>

using namespace tarn::c_source;

TEST_CASE("names of a model become identifiers that clash with nothing") {
  Names names({"mnist_create"});
  CHECK(names.add("fc1.w") == "fc1_w");
  CHECK(names.add("fc1_w") == "fc1_w_2");
  CHECK(names.add("fc1.w") == "fc1_w_3");
  CHECK(names.add("int") == "t_int");
  CHECK(names.add("main") == "t_main");
  CHECK(names.add("linux") == "t_linux");
  CHECK(names.add("new") == "t_new");  // C++ includes the header, not the source, but readers do not know
  CHECK(names.add("NULL") == "t_NULL");
  CHECK(names.add("INFINITY") == "t_INFINITY");
  CHECK(names.add("EOF2") == "t_EOF2");
  CHECK(names.add("tarn_team") == "t_tarn_team");
  CHECK(names.add("_x") == "t_x");
  CHECK(names.add("3d") == "t3d");
  CHECK(names.add("") == "t");
  CHECK(names.add("caf\xc3\xa9") == "caf__");
  CHECK(names.add("exp") == "exp");  // functions are called tarn_exp_f32
  CHECK(names.add("mnist.create") == "mnist_create_2");
}

TEST_CASE("text as a literal of C") {
  CHECK(string_literal("a \"b\"\\") == R"("a \"b\"\\")");
  CHECK(string_literal("\n1\xc3") == R"("\0121\303")");
  CHECK(string_literal("what?"
                       "?!") == R"("what\077\077!")");  // no trigraph
  CHECK(string_literal(std::string(150, 'x')) ==
        "\"" + std::string(100, 'x') + "\"\n    \"" + std::string(50, 'x') + "\"");
}

TEST_CASE("text in a comment does not end it, nor begin one") {
  CHECK(comment_text("a */ b /* c\nd") == "a * / b / * c d");
}

TEST_CASE("identifiers in a piece of C") {
  CHECK(identifiers_of("tarn_exp_f32(x1) + 25") == std::set<std::string, std::less<>>{"tarn_exp_f32", "x1"});
}
