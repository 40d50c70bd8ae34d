// main of every compiled program; the code generator supplies tarn_model_program.
#include "session.h"

extern "C" const tarn_program tarn_model_program;

int main(int argc, char** argv) {
  return tarn::runtime::run_program(tarn_model_program, argc, argv);
}
