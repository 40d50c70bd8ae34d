// What a program's code needs of the processor against what is here.
#pragma once

#include "result.h"

namespace tarn::runtime {

// `needed` is tarn_program.cpu: a level of x86-64 (x86-64-v3: AVX2, x86-64-v4: AVX-512); another name needs nothing.
Status check_cpu(const char* needed);

}  // namespace tarn::runtime
