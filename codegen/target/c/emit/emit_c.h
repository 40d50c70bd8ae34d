// A program as one C99 source file.
#pragma once

#include <string>

#include "codegen/program/program.h"

namespace tarn::c_source {

struct SourceOptions {
  std::string program_symbol;  // of the tarn_program: "net_program"
  std::string header;          // text of NAME.h; "": the file has tables and entry points, and no embedding API
  std::string header_name;     // "net.h"
  std::string origin;          // "net.tarn"
  // Nothing but the language and the headers of a freestanding compiler: no C library, no libm.
  bool is_freestanding = false;
};

std::string emit_c(const Program& program, const SourceOptions& options);

// The schedule of every kernel, in the order of the entry points.
std::string schedules_text(const Program& program);

}  // namespace tarn::c_source
