/* MODEL: the C identifier of the model; MODEL_HEADER: its header; sizes and types of its two inputs, data and labels. */
#include "steps.h"

#include MODEL_HEADER

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define OF_MODEL(name) JOIN(MODEL, name)

/* As much as the model says that it needs. */
static union {
  double aligned;
  unsigned char bytes[MEMORY_BYTES + ALIGNMENT];
} block;
static tarn_instance* instance;
static uint32_t state = 1;

static uint32_t next_random(void) {
  state = state * 1664525u + 1013904223u;
  return state >> 16;
}

int steps_begin(void) {
  unsigned char* memory = block.bytes + (ALIGNMENT - (uintptr_t)block.bytes % ALIGNMENT) % ALIGNMENT;
  tarn_result result = tarn_create(&OF_MODEL(_program), NULL, memory, MEMORY_BYTES, &instance);
  return result == TARN_OK ? (int)tarn_init(instance) : (int)result;
}

uint32_t steps_next(void) {
  union {
    float value;
    uint32_t bits;
  } loss;
  void *data = NULL, *label_data = NULL;
  if (tarn_input_memory(instance, 0, &data) != TARN_OK || tarn_input_memory(instance, 1, &label_data) != TARN_OK)
    return 0xFFFFFFFFu;
  INPUT_TYPE* values = (INPUT_TYPE*)data;
  LABEL_TYPE* labels = (LABEL_TYPE*)label_data;
  for (uint32_t row = 0; row < BATCH; ++row) {
    const uint32_t label = next_random() % CLASSES;
    labels[row] = (LABEL_TYPE)label;
    /* Each row is bright where its label is. */
    for (uint32_t i = 0; i < INPUT_VALUES; ++i)
      values[row * INPUT_VALUES + i] =
          (INPUT_TYPE)(i * CLASSES / INPUT_VALUES == label ? BRIGHT : (next_random() % 60u) * BRIGHT / 200);
  }
  if (tarn_set_rows(instance, BATCH) != TARN_OK || tarn_train_step(instance, &loss.value) != TARN_OK)
    return 0xFFFFFFFFu;
  return loss.bits;
}
