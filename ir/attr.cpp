// Access to attributes and their text form.
#include "ir/attr.h"

#include <fmt/format.h>

#include <cmath>

#include "ir/base/check.h"

namespace tarn {

const AttrValue& attr(const Attrs& attrs, std::string_view key) {
  auto found = attrs.find(key);
  TARN_CHECK(found != attrs.end(), "no attribute `{}`", key);
  return found->second;
}

template <typename T>
static const T& typed_attr(const Attrs& attrs, std::string_view key) {
  const T* value = std::get_if<T>(&attr(attrs, key));
  TARN_CHECK(value, "attribute `{}` has another type", key);
  return *value;
}

int64_t attr_int(const Attrs& attrs, std::string_view key) {
  return typed_attr<int64_t>(attrs, key);
}
double attr_float(const Attrs& attrs, std::string_view key) {
  return typed_attr<double>(attrs, key);
}
const std::string& attr_string(const Attrs& attrs, std::string_view key) {
  return typed_attr<std::string>(attrs, key);
}
const std::vector<int64_t>& attr_ints(const Attrs& attrs, std::string_view key) {
  return typed_attr<std::vector<int64_t>>(attrs, key);
}

Attrs with_attr(Attrs attrs, std::string_view key, AttrValue value) {
  attrs.insert_or_assign(std::string(key), std::move(value));
  return attrs;
}

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", value);  // shortest text that reads back to the same value
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
          out += c;
    }
  }
  return out + "\"";
}

static std::string text_of(bool value) {
  return value ? "true" : "false";
}
static std::string text_of(int64_t value) {
  return fmt::format("{}", value);
}
static std::string text_of(double value) {
  return float_text(value);
}
static std::string text_of(const std::string& value) {
  return quoted(value);
}

template <typename T>
static std::string text_of(const std::vector<T>& values) {
  std::string out = "[";
  for (size_t i = 0; i < values.size(); ++i) out += (i ? "," : "") + text_of(values[i]);
  return out + "]";
}

std::string attr_text(const AttrValue& value) {
  return std::visit([](const auto& held) { return text_of(held); }, value);
}

}  // namespace tarn
