// Internal errors: a broken invariant of the compiler itself.  Prints what and where, then exits with code 70.
// User errors never come here; they are diagnostics (diagnostic.h) or a Result (result.h).
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace tarn {

// What the compiler is doing now ("pass fuse on @train_step"); printed with an internal error.
void set_current_activity(std::string_view activity);

[[noreturn]] void internal_error(std::string_view file, int line, std::string_view condition, const std::string& text);

}  // namespace tarn

#define TARN_CHECK(condition, ...)                                                                      \
  do {                                                                                                  \
    if (!(condition)) ::tarn::internal_error(__FILE__, __LINE__, #condition, fmt::format(__VA_ARGS__)); \
  } while (false)
