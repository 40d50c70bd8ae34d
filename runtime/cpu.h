// What a program's code needs of the processor against what is here.
#pragma once

#include "result.h"

namespace tarn::runtime {

// `needed` is tarn_program.cpu: "x86-64", "x86-64-v3", "x86-64-v4" or "native:feature,feature".
Status check_cpu(const char* needed);

}  // namespace tarn::runtime
