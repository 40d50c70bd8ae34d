// The planned module to the program that a target compiles.
#pragma once

#include "codegen/program/program.h"
#include "ir/base/result.h"
#include "ir/graph.h"

namespace tarn {

// `module`: after the whole pipeline; entry functions hold calls of kernels and reshapes only.
// Error: the module has not been through fuse and plan_memory.
Result<Program> build_program(const Module& module);

// The JSON that a program carries: where data comes from and how to train (schema: runtime/config.h).
std::string config_json(const Module& module);

}  // namespace tarn
