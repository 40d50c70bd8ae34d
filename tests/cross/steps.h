/* Ten training steps of a model on made-up rows, for machines without a C library. */
#ifndef STEPS_H
#define STEPS_H

#include <stdint.h>

#define STEP_COUNT 10

/* Makes an instance with parameters; returns a tarn_result. */
int steps_begin(void);

/* One step on the next rows; the bits of its loss, or 0xFFFFFFFF where a call failed. */
uint32_t steps_next(void);

#endif
