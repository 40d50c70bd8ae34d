// Values -> text: printf-style strings, JSON strings, human numbers, did-you-mean.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tarn::runtime {

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...);

// The text in double quotes, escaped for JSON; control characters as \u00XX, bytes that are no UTF-8 as \ufffd.
std::string json_string(std::string_view text);

// ["a", "b"] for JSON.
std::string json_list(const std::vector<std::string>& texts);

// A number for JSON: shortest round-trip of f32/f64; null where it is not finite.
std::string json_number(double value);

// "; did you mean `--epochs`?" where one of `known` is near to `word`, else "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

// "0:12", "1:02:33".
std::string clock_text(double seconds);

// 950 -> "950", 21300 -> "21.3k", 2.1e6 -> "2.1M".
std::string short_number(double value);

// "97.52 %" for an accuracy, else four significant digits.
std::string metric_text(std::string_view name, double value);

// "[32,784]"
std::string shape_text(const int64_t* shape, uint32_t rank);

// A whole number, nothing else; false where it is none or overflows.
bool parse_int(std::string_view text, int64_t* value);
// A decimal number with nothing around it; false where it is none.
bool parse_double(std::string_view text, double* value);

}  // namespace tarn::runtime
