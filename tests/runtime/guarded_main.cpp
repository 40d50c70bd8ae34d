// A program as `tarn build` links it, on the guarded device.
#include "guarded_device.h"
#include "session.h"

extern "C" const tarn_program tarn_model_program;

int main(int argc, char** argv) {
  return tarn::runtime::run_program(tarn_model_program, argc, argv, make_guarded_device);
}
