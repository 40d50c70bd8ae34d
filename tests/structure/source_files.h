// The compiler's own sources as text, for tests that look at who names and includes what.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tarn {

struct CodeFile {
  std::string path;  // from the top of the repository: "passes/cse.cpp"
  std::string code;  // its text with comments blanked out
};

// The same text with spaces in place of comments.
std::string without_comments(const std::string& text);

// All .h, .cpp and .c files of these directories and those below, by path.
std::vector<CodeFile> code_files(const std::vector<std::string>& directories);

struct Include {
  std::string path;
  bool is_system = false;  // <path>
};
std::vector<Include> includes_of(const CodeFile& file);

// What stands between the quotes of each string literal, raw ones left out.
std::vector<std::string> string_literals(std::string_view code);

// All identifiers, in order.
std::vector<std::string> identifiers(std::string_view code);

}  // namespace tarn
