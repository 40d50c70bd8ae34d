// The constant tables of a program, field by field as in runtime/tarn_abi.h.
#pragma once

#include <string>

#include "codegen/program/program.h"

namespace tarn::c_source {

// Definitions at file scope.  The entry points are functions `run_NAME`.
std::string tables_text(const Program& program, const std::string& symbol);

}  // namespace tarn::c_source
