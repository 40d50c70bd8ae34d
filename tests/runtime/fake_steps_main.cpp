// The symbol that main.cpp asks for.
#include "fake_program.h"

extern "C" {
extern const tarn_program tarn_model_program;
const tarn_program tarn_model_program = fake_steps_program;
}
