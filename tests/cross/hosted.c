/* The reference: prints the losses of ten steps, or, with an argument, compares those on standard input with them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "steps.h"

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

int main(int argc, char** argv) {
  char line[64];
  double worst = 0;
  if (steps_begin() != 0) return 2;
  for (int step = 0; step < STEP_COUNT; ++step) {
    const uint32_t bits = steps_next();
    if (argc < 2) {
      printf("%08x %.7g\n", (unsigned)bits, (double)float_of(bits));
      continue;
    }
    if (fgets(line, sizeof line, stdin) == NULL) {
      printf("%s: only %d steps\n", argv[1], step);
      return 1;
    }
    const double wanted = (double)float_of(bits), got = (double)float_of((uint32_t)strtoul(line, NULL, 16));
    const double error = fabs(got - wanted) / fabs(wanted);
    if (!(error <= worst)) worst = error;
  }
  if (argc < 2) return 0;
  /* Ten steps move the loss by roundings of other compilers, by 1e-5 of itself at most. */
  printf("%s: %d losses, at most %.1e from those of this machine\n", argv[1], STEP_COUNT, worst);
  return worst <= 1e-4 ? 0 : 1;
}
