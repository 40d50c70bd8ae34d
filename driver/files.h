// Reading and writing files whole.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ir/base/result.h"

namespace tarn {

// The bytes of a file, or of standard input for "-".
Result<std::string> read_file(const std::string& path);

// Writes a file whole or not at all: into a temporary beside it, then renamed.  "-" is standard output.
// Returns the reason where it failed.
std::optional<Error> write_file(const std::string& path, std::string_view bytes);

// "dir/mnist.tarn" -> "mnist".
std::string stem_of(const std::string& path);
// The name with every character that C does not allow replaced by _.
std::string identifier_of(std::string_view name);

}  // namespace tarn
