// The csv program with an arena that no machine has.
#include "fake_program.h"

static tarn_program make() {
  tarn_program program = fake_csv_program;
  program.arena_bytes = uint64_t{1} << 62;
  return program;
}

extern "C" {
extern const tarn_program tarn_model_program;
const tarn_program tarn_model_program = make();
}
