// Objects to executables and libraries, by the system's compiler driver and archiver.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/base/result.h"

namespace tarn {

struct LinkOptions {
  std::string runtime;  // path of libtarn_runtime.a, or of libtarn_embed.a for a library
  bool strip = true;    // leave symbols out of an executable
};

// Writes an executable that holds `object` and what it needs of the runtime; beyond libc and libm nothing is shared.
// Runs $CC, or cc.  The output appears whole or not at all.
std::optional<Error> link_executable(std::string_view object, const std::string& output, const LinkOptions& options);

// Writes a static library that holds `object` and all of the embedding runtime.  Runs $AR, or ar.
std::optional<Error> write_library(std::string_view object, const std::string& output, const LinkOptions& options);

// Where the runtime's archives lie, seen from the running command: in ../runtime (a build tree), or where an
// installation keeps them (../lib/tarn, unless it was configured otherwise).  Error: `name` is in neither place.
Result<std::string> find_runtime(const std::string& name);

}  // namespace tarn
