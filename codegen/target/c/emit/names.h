// C identifiers for what a model names: its names hold dots and may be any word of C.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace tarn::c_source {

// Names that do not clash with one another, with keywords, nor with macros that C compilers and headers define.
class Names {
 public:
  // `taken`: further names to keep away from.
  explicit Names(std::set<std::string, std::less<>> taken = {}) : taken_(std::move(taken)) {}

  // "fc1.w" -> "fc1_w"; "int" -> "int_"; what has been given before gets a number.
  std::string add(std::string_view name);

 private:
  std::set<std::string, std::less<>> taken_;
};

// All identifiers in a piece of C, those in comments and strings included.
std::set<std::string, std::less<>> identifiers_of(std::string_view text);

// A string literal of C, quotes included, in pieces of one line each.
std::string string_literal(std::string_view text);

// Text that may stand in a comment.
std::string comment_text(std::string_view text);

}  // namespace tarn::c_source
