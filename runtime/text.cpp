// Values -> text: printf-style strings, JSON strings, human numbers, did-you-mean.
#include "text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace tarn::runtime {

std::string format(const char* pattern, ...) {
  va_list arguments, again;
  va_start(arguments, pattern);
  va_copy(again, arguments);
  int size = vsnprintf(nullptr, 0, pattern, arguments);
  va_end(arguments);
  std::string text(size > 0 ? static_cast<size_t>(size) : 0, '\0');
  vsnprintf(text.data(), text.size() + 1, pattern, again);
  va_end(again);
  return text;
}

// Bytes of the UTF-8 sequence at the start of `text`; 0 where there is none (surrogates and overlong forms pass).
static size_t utf8_length(std::string_view text) {
  auto first = static_cast<unsigned char>(text[0]);
  size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  return length;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    size_t length = utf8_length(text.substr(at));
    if (length == 0) {
      out += "\\ufffd";
    } else if (length > 1) {
      out += text.substr(at, length);
      at += length - 1;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += format("\\u%04x", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string json_list(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) list += (list.size() > 1 ? "," : "") + json_string(text);
  return list + "]";
}

std::string json_number(double value) {
  if (!std::isfinite(value)) return "null";
  for (int digits : {6, 9, 15, 16}) {
    std::string text = format("%.*g", digits, value);
    double back = 0;
    if (parse_double(text, &back) && back == value) return text;
  }
  return format("%.17g", value);
}

// Levenshtein distance, two rows.
static size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::string* best = nullptr;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best ? "; did you mean `" + *best + "`?" : "";
}

std::string clock_text(double seconds) {
  long whole = std::isfinite(seconds) && seconds < 1e9 ? std::lround(seconds) : 0;
  if (whole < 3600) return format("%ld:%02ld", whole / 60, whole % 60);
  return format("%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string short_number(double value) {
  if (value < 1e4) return format("%.0f", value);
  if (value < 1e6) return format("%.1fk", value / 1e3);
  if (value < 1e9) return format("%.2fM", value / 1e6);
  return format("%.2fG", value / 1e9);
}

std::string metric_text(std::string_view name, double value) {
  if (std::isnan(value)) return "nan";  // its sign says nothing
  if (name.find("accuracy") != std::string_view::npos) return format("%.2f %%", 100 * value);
  return format("%.4g", value);
}

std::string shape_text(const int64_t* shape, uint32_t rank) {
  std::string out = "[";
  for (uint32_t axis = 0; axis < rank; ++axis) {
    if (axis != 0) out += ",";
    out += std::to_string(shape[axis]);
  }
  return out + "]";
}

bool parse_int(std::string_view text, int64_t* value) {
  if (text.size() > 1 && text[0] == '+') text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

bool parse_double(std::string_view text, double* value) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace tarn::runtime
