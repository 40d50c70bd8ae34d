// Reports a broken invariant of the compiler and stops.
#include "ir/base/check.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace tarn {

static std::string& current_activity() {
  static std::string activity;
  return activity;
}

void set_current_activity(std::string_view activity) {
  current_activity() = activity;
}

void internal_error(std::string_view file, int line, std::string_view condition, const std::string& text) {
  fmt::print(stderr, "tarn: internal error: {}\n  check `{}` failed at {}:{}\n", text, condition, file, line);
  if (!current_activity().empty()) fmt::print(stderr, "  while: {}\n", current_activity());
  fmt::print(stderr, "  This is a bug in tarn, not in your model; please report it with the input that caused it.\n");
  std::fflush(stderr);
  std::_Exit(70);
}

}  // namespace tarn
