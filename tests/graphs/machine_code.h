// One function of a compiled program on given arguments.
#pragma once

#include <vector>

#include "codegen/program/program.h"
#include "codegen/target/cpu/emit/jit.h"
#include "ir/interpret.h"

namespace tarn {

// The results of `func`, which is the program's entry `train_step`, with that many threads.
std::vector<Tensor> run_machine_code(const Program& program, const JitProgram& code, const Func& func,
                                     const std::vector<Tensor>& args, uint32_t threads);

}  // namespace tarn
