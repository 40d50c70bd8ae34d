// The idx program with an interposed malloc: after 1000 steps it must not have been called since step 100.
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "fake_program.h"

static std::atomic<long> allocations{0};

// glibc's own entry points under their second names.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* block, size_t size) {
  ++allocations;
  return __libc_realloc(block, size);
}
}

static std::atomic<long> steps{0};
static long at_step_100 = 0;

static void say(const char* text) {
  if (write(2, text, strlen(text)) < 0) _exit(9);
}

static int32_t counted_step(unsigned char* arena, tarn_team* team) {
  if (team->thread == 0) {
    long step = ++steps;
    if (step == 100) at_step_100 = allocations;
    if (step == 1100) say(allocations == at_step_100 ? "no allocation in 1000 steps\n" : "ALLOCATED\n");
  }
  return fake_idx_program.train_step.run(arena, team);
}

static tarn_program make() {
  tarn_program program = fake_idx_program;
  program.train_step.run = counted_step;
  return program;
}

extern "C" {
extern const tarn_program tarn_model_program;
const tarn_program tarn_model_program = make();
}
