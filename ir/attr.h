// Attributes: the named compile-time constants of an op or a record.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tarn {

using AttrValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
                               std::vector<std::string>>;

// Sorted by key, so printing is deterministic.
using Attrs = std::map<std::string, AttrValue, std::less<>>;

// The value of `key`, which must be there with that type (the verifier and the shape rules see to it).
const AttrValue& attr(const Attrs& attrs, std::string_view key);
int64_t attr_int(const Attrs& attrs, std::string_view key);
double attr_float(const Attrs& attrs, std::string_view key);
const std::string& attr_string(const Attrs& attrs, std::string_view key);
const std::vector<int64_t>& attr_ints(const Attrs& attrs, std::string_view key);
// The same but for one of them.
Attrs with_attr(Attrs attrs, std::string_view key, AttrValue value);

// As in IR text: true, 3, 1.5, "text", [1,2], [1.5,2.0], ["a","b"].  Floats always show a `.`, an exponent, nan or inf
// and read back to the same bits.
std::string attr_text(const AttrValue& value);
std::string float_text(double value);
std::string quoted(std::string_view text);  // with \" \\ \n \t and \xNN escapes

}  // namespace tarn
