// Hand-written programs in the form that the code generator writes, so that the runtime is tested without a compiler:
// softmax regression with momentum.  fake_idx reads u8 images [B,4,4], fake_csv f32 rows [B,4]; 3 classes, B = 8.
//
// Hypers: lr; poison (where above 1 at step poison_step, the op `log` in kernel 0 makes NaN); delay (microseconds that
// each train and eval step takes).
#pragma once

#include "tarn_abi.h"

extern "C" {
extern const tarn_program fake_idx_program;
extern const tarn_program fake_csv_program;
extern const tarn_program fake_steps_program;  // as fake_idx: 32 steps, evaluated every 7
}
