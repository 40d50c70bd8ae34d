/* Times the training step of one model made by `tarn build --emit=lib`, under the protocol of rivals.py.
 *
 *   cc -DTARN_PROGRAM=mnist_program step_time.c libmnist.a ... && ./a.out MANIFEST DATA BATCHES
 *
 * MANIFEST has one line a tensor, `param NAME OFFSET BYTES` or `input NAME OFFSET BYTES` (bytes of one batch, all
 * batches one after another); OFFSET is a place in DATA.  A step is: copy the batch into the arena, run train_step. */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/tarn_abi.h"

#define MAX_INPUTS 8

extern const tarn_program TARN_PROGRAM;

typedef struct input {
  const tarn_tensor* tensor;
  const unsigned char* data; /* `batches` times tensor->bytes */
} input;

typedef struct bench {
  const tarn_program* program;
  unsigned char* arena;
  unsigned char* data;
  input inputs[MAX_INPUTS];
  int input_count;
  long batches;
  long next; /* batch */
} bench;

static void fail(const char* what, const char* name) {
  printf("error: %s: %s\n", what, name);
  exit(1);
}

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static const tarn_tensor* tensor_of_role(const tarn_program* program, uint32_t role, int number) {
  for (uint32_t i = 0; i < program->tensor_count; ++i) {
    if (program->tensors[i].role == role && number-- == 0) return &program->tensors[i];
  }
  return NULL;
}

static const tarn_tensor* tensor_of_name(const tarn_program* program, const char* name) {
  for (uint32_t i = 0; i < program->tensor_count; ++i) {
    if (strcmp(program->tensors[i].name, name) == 0) return &program->tensors[i];
  }
  return NULL;
}

static void set_i64(bench* b, uint32_t role, int64_t value) {
  const tarn_tensor* tensor = tensor_of_role(b->program, role, 0);
  if (tensor != NULL) memcpy(b->arena + tensor->offset, &value, sizeof value);
}

static unsigned char* read_file(const char* path) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) fail("cannot open", path);
  fseek(file, 0, SEEK_END);
  const long bytes = ftell(file);
  rewind(file);
  unsigned char* data = malloc((size_t)bytes);
  if (data == NULL || fread(data, 1, (size_t)bytes, file) != (size_t)bytes) fail("cannot read", path);
  fclose(file);
  return data;
}

static void read_manifest(bench* b, const char* path, long batches) {
  FILE* file = fopen(path, "r");
  char kind[16], name[128];
  long offset, bytes;
  if (file == NULL) fail("cannot open", path);
  b->batches = batches;
  while (fscanf(file, "%15s %127s %ld %ld", kind, name, &offset, &bytes) == 4) {
    const int is_input = strcmp(kind, "input") == 0;
    const tarn_tensor* tensor = tensor_of_name(b->program, name);
    if (tensor == NULL) fail("the model has no such tensor", name);
    if (tensor->bytes != (uint64_t)bytes) fail("another size in the model", tensor->name);
    if (is_input) {
      b->inputs[b->input_count++] = (input){tensor, b->data + offset};
    } else {
      memcpy(b->arena + tensor->offset, b->data + offset, (size_t)bytes);
    }
  }
  fclose(file);
}

static void start(bench* b, const char* manifest, const char* data, long batches) {
  tarn_team alone = {0, 1, NULL, NULL, NULL};
  b->program = &TARN_PROGRAM;
  if (posix_memalign((void**)&b->arena, 4096, b->program->arena_bytes) != 0) fail("no memory", "arena");
  memset(b->arena, 0, b->program->arena_bytes);
  b->data = read_file(data);
  for (uint32_t i = 0; i < b->program->tensor_count; ++i) {
    const tarn_tensor* tensor = &b->program->tensors[i];
    if (tensor->role == TARN_HYPER) memcpy(b->arena + tensor->offset, &tensor->initial, sizeof tensor->initial);
  }
  set_i64(b, TARN_SEED, 1);
  b->program->init.run(b->arena, &alone);
  set_i64(b, TARN_COUNT, b->program->batch);
  set_i64(b, TARN_TOTAL_STEPS, 1000000);
  read_manifest(b, manifest, batches);
}

static void steps(bench* b, long count) {
  tarn_team alone = {0, 1, NULL, NULL, NULL};
  for (long step = 0; step < count; ++step) {
    for (int i = 0; i < b->input_count; ++i) {
      const input* in = &b->inputs[i];
      memcpy(b->arena + in->tensor->offset, in->data + (uint64_t)b->next * in->tensor->bytes, in->tensor->bytes);
    }
    if (b->program->train_step.run(b->arena, &alone) != 0) fail("the loss is not finite", b->program->name);
    b->next = (b->next + 1) % b->batches;
  }
}

int main(int argc, char** argv) {
  static bench b;
  char line[64];
  if (argc != 4) fail("usage", "step_time MANIFEST DATA BATCHES");
  start(&b, argv[1], argv[2], atol(argv[3]));
  const tarn_tensor* loss = tensor_of_role(b.program, TARN_LOSS, 0);
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    const long count = atol(line);
    const double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    steps(&b, count);
    const double wall_used = seconds(CLOCK_MONOTONIC) - wall, cpu_used = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    float value;
    memcpy(&value, b.arena + loss->offset, sizeof value);
    printf("%ld %.9f %.9f %.9g\n", count, wall_used, cpu_used, (double)value);
    fflush(stdout);
  }
  return 0;
}
