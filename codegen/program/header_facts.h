// What the C header of an embedded program says.
#pragma once

#include <string>

#include "codegen/header/c_header.h"
#include "codegen/program/program.h"

namespace tarn {

// `name`: of the model, a C identifier; `source`: the model file; `cpu`: what the code needs to run.
HeaderFacts header_facts(const Program& program, const std::string& name, const std::string& source,
                         const std::string& cpu);

}  // namespace tarn
