// A scanner that knows comments, string and character literals, and no more of C++.
#include "tests/structure/source_files.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace tarn {

// Where the literal that begins at `begin` ends: behind its closing quote.
static size_t end_of_literal(std::string_view text, size_t begin) {
  size_t end = begin + 1;
  while (end < text.size() && text[end] != text[begin] && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
  return std::min(end + 1, text.size());
}

// 1'000'000 has no literals.
static bool is_digit_separator(std::string_view text, size_t place) {
  return text[place] == '\'' && place > 0 && std::isalnum(static_cast<unsigned char>(text[place - 1]));
}

std::string without_comments(const std::string& text) {
  std::string code = text;
  for (size_t i = 0; i < text.size();) {
    bool is_line = text.compare(i, 2, "//") == 0, is_block = text.compare(i, 2, "/*") == 0;
    if (text.compare(i, 3, "R\"(") == 0) {
      i = std::min(text.find(")\"", i), text.size());
    } else if (is_line || is_block) {
      size_t end = std::min(text.find(is_line ? "\n" : "*/", i + 2), text.size());
      if (is_block) end = std::min(end + 2, text.size());
      for (; i < end; ++i) code[i] = text[i] == '\n' ? '\n' : ' ';
    } else if ((text[i] == '"' || text[i] == '\'') && !is_digit_separator(text, i)) {
      i = end_of_literal(text, i);
    } else {
      ++i;
    }
  }
  return code;
}

std::vector<CodeFile> code_files(const std::vector<std::string>& directories) {
  std::vector<CodeFile> files;
  const std::filesystem::path root = TARN_SOURCE_DIR;
  for (const std::string& directory : directories) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / directory)) {
      std::string suffix = entry.path().extension();
      if (suffix != ".h" && suffix != ".cpp" && suffix != ".c") continue;
      std::ifstream file(entry.path(), std::ios::binary);
      std::ostringstream text;
      text << file.rdbuf();
      files.push_back({std::filesystem::relative(entry.path(), root), without_comments(text.str())});
    }
  }
  std::sort(files.begin(), files.end(), [](const CodeFile& a, const CodeFile& b) { return a.path < b.path; });
  return files;
}

std::vector<Include> includes_of(const CodeFile& file) {
  static const std::regex kInclude("(^|\n)[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"\n]+)");
  std::vector<Include> includes;
  for (std::sregex_iterator it(file.code.begin(), file.code.end(), kInclude), end; it != end; ++it) {
    includes.push_back({(*it)[3], (*it)[2] == "<"});
  }
  return includes;
}

std::vector<std::string> string_literals(std::string_view code) {
  std::vector<std::string> literals;
  for (size_t i = 0; i < code.size();) {
    if (code.compare(i, 3, "R\"(") == 0) {
      i = std::min(code.find(")\"", i), code.size() - 2) + 2;
    } else if ((code[i] == '"' || code[i] == '\'') && !is_digit_separator(code, i)) {
      size_t end = end_of_literal(code, i);
      if (code[i] == '"') literals.emplace_back(code.substr(i + 1, end - i - 2));
      i = end;
    } else {
      ++i;
    }
  }
  return literals;
}

std::vector<std::string> identifiers(std::string_view code) {
  auto is_part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  std::vector<std::string> found;
  for (size_t i = 0; i < code.size();) {
    size_t end = i;
    while (end < code.size() && is_part(code[end])) ++end;
    if (end > i) found.emplace_back(code.substr(i, end - i));
    i = std::max(end, i + 1);
  }
  return found;
}

}  // namespace tarn
