// Reading and writing files whole.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ir/base/result.h"

namespace tarn {

// Looks at what was read so far, of which the first `known` bytes have been looked at before; says what is wrong with it.
using InputCheck = std::optional<std::string> (*)(const std::string& path, std::string_view text, size_t known);

// The bytes of a file, or of standard input for "-".  Where `check` finds a fault, which is then the error, the rest is
// not read.
Result<std::string> read_file(const std::string& path, InputCheck check);

// Why an output of this command must not take the place of `path`: something is there that is no plain file, or a file
// that the command has read or written.  Files are told by device and inode, so links of either sort do not hide them.
std::optional<Error> refuse_to_replace(const std::string& path);

// What `path` leads to, there already or not: a link stays a link, and what it points to is replaced.
std::string target_of(const std::string& path);

// Writes a file whole or not at all: into a new file beside it, then renamed.  "-" is standard output; a device or pipe,
// or the file that standard output goes to, is written where it is.  Returns the reason where it failed, or where
// refuse_to_replace has one.
std::optional<Error> write_file(const std::string& path, std::string_view bytes);

// "dir/mnist.tarn" -> "mnist".
std::string stem_of(const std::string& path);
// The name with every character that C does not allow replaced by _.
std::string identifier_of(std::string_view name);

}  // namespace tarn
