/* Trains any model on made-up data through the embedding API, saves it, loads it into a second instance, and goes on with
 * both: they must agree to the bit.  Built with sanitizers by zoo.sh.  PROGRAM: the symbol of the model's tarn_program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include MODEL_HEADER
#include "runtime/tarn_abi.h"

extern const tarn_program PROGRAM;

typedef struct file {
  unsigned char* bytes;
  size_t size, capacity;
} file;

static int write_bytes(void* user, const void* bytes, size_t count) {
  file* to = (file*)user;
  if (to->size + count > to->capacity) return 1;
  memcpy(to->bytes + to->size, bytes, count);
  to->size += count;
  return 0;
}

static int read_bytes(void* user, uint64_t offset, void* bytes, size_t count) {
  const file* from = (const file*)user;
  if (offset + count > from->size) return 1;
  memcpy(bytes, from->bytes + offset, count);
  return 0;
}

static void check(tarn_result result, const char* what) {
  if (result == TARN_OK) return;
  printf("%s: %s\n", what, tarn_result_text(result));
  exit(1);
}

static tarn_instance* make(void) {
  tarn_instance* instance = NULL;
  const size_t alignment = tarn_instance_alignment(&PROGRAM), bytes = tarn_instance_bytes(&PROGRAM);
  unsigned char* memory = (unsigned char*)malloc(bytes + alignment);
  if (memory == NULL) exit(1);
  memory += (alignment - (uintptr_t)memory % alignment) % alignment;
  check(tarn_create(&PROGRAM, NULL, memory, bytes, &instance), "create");
  return instance;
}

/* Small numbers: a class label is 0 or 1. */
static void feed(tarn_instance* instance, unsigned seed) {
  uint32_t index = 0;
  for (uint32_t i = 0; i < PROGRAM.tensor_count; ++i) {
    const tarn_tensor* tensor = &PROGRAM.tensors[i];
    void* data = NULL;
    if (tensor->role != TARN_INPUT) continue;
    check(tarn_input_memory(instance, index++, &data), "input");
    uint64_t count = 1;
    for (uint32_t axis = 0; axis < tensor->rank; ++axis) count *= (uint64_t)tensor->shape[axis];
    for (uint64_t n = 0; n < count; ++n) {
      seed = seed * 1664525u + 1013904223u;
      if (tensor->dtype == TARN_F32) ((float*)data)[n] = (float)(seed >> 16) / 65536.0f;
      if (tensor->dtype == TARN_F64) ((double*)data)[n] = (double)(seed >> 16) / 65536.0;
      if (tensor->dtype == TARN_U8 || tensor->dtype == TARN_BOOL)
        ((unsigned char*)data)[n] = (unsigned char)(seed >> 31);
      if (tensor->dtype == TARN_I32) ((int32_t*)data)[n] = (int32_t)(seed >> 31);
      if (tensor->dtype == TARN_I64) ((int64_t*)data)[n] = (int64_t)(seed >> 31);
    }
  }
  check(tarn_set_rows(instance, PROGRAM.batch), "rows");
}

int main(void) {
  tarn_instance *first = make(), *second = make();
  float loss[2] = {0, 0};
  check(tarn_init(first), "init");
  for (unsigned step = 0; step < 2; ++step) {
    feed(first, step);
    check(tarn_train_step(first, loss), "train");
  }
  const size_t bytes = tarn_save_bytes(first);
  file saved = {(unsigned char*)malloc(bytes), 0, bytes};
  check(tarn_save(first, write_bytes, &saved), "save");
  check(tarn_load(second, read_bytes, &saved, saved.size), "load");
  tarn_instance* both[] = {first, second};
  for (int i = 0; i < 2; ++i) {
    feed(both[i], 7);
    check(tarn_train_step(both[i], &loss[i]), "train");
    if (PROGRAM.eval_step.run != NULL) check(tarn_eval_step(both[i], NULL), "eval");
    if (PROGRAM.predict.run != NULL) check(tarn_predict(both[i]), "predict");
  }
  printf("loss %.6g, and %.6g after loading\n", (double)loss[0], (double)loss[1]);
  return memcmp(&loss[0], &loss[1], sizeof loss[0]) != 0;
}
