// What `tarn` reads: text files, told from everything else.
#pragma once

#include <string>

#include "ir/base/result.h"

namespace tarn {

// The text of a file, or of standard input for "-", without a byte-order mark.  A file that holds no UTF-8 text, such as
// a program or an archive, is refused at its first blocks, and so is one of more than a gigabyte.
Result<std::string> read_text(const std::string& path);

}  // namespace tarn
