/* Trains net.tarn inside a C program: its own data, its own loop, its own memory; no allocation anywhere.
 *
 * What the compiler gives is net.h and libnet.a.  The model is saved through a callback into a buffer, loaded into a
 * second instance, and both must predict the same. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "net.h"

enum { kSteps = 1500, kReport = 300 };

/* One instance in a static block, with room to align it. */
static unsigned char block_a[NET_MEMORY_BYTES + NET_ALIGNMENT];
static unsigned char block_b[NET_MEMORY_BYTES + NET_ALIGNMENT];

static void* aligned(unsigned char* block) {
  return block + (NET_ALIGNMENT - (uintptr_t)block % NET_ALIGNMENT);
}

static uint64_t random_state = 1;

/* 0..1.  Source: splitmix64, https://prng.di.unimi.it */
static float roll(void) {
  uint64_t z = random_state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (float)((z ^ (z >> 31)) >> 40) / 16777216.0f;
}

/* x: [NET_BATCH, 2], y: [NET_BATCH]. */
static void make_batch(float* x, int32_t* y) {
  for (int row = 0; row < NET_BATCH; ++row) {
    float angle = 3.14159265f * roll();
    y[row] = roll() < 0.5f;
    x[2 * row] = (y[row] ? 1 - cosf(angle) : cosf(angle)) + 0.2f * (roll() - 0.5f);
    x[2 * row + 1] = (y[row] ? 0.5f - sinf(angle) : sinf(angle)) + 0.2f * (roll() - 0.5f);
  }
}

/* A file in memory. */
typedef struct {
  unsigned char bytes[65536];
  size_t size;
} buffer;

static int append(void* user, const void* bytes, size_t count) {
  buffer* to = (buffer*)user;
  if (count > sizeof to->bytes - to->size) return 1;
  memcpy(to->bytes + to->size, bytes, count);
  to->size += count;
  return 0;
}

static int copy_out(void* user, uint64_t offset, void* bytes, size_t count) {
  const buffer* from = (const buffer*)user;
  if (offset > from->size || count > from->size - offset) return 1;
  memcpy(bytes, from->bytes + offset, count);
  return 0;
}

static int failed(const char* what, tarn_result result) {
  if (result == TARN_OK) return 0;
  fprintf(stderr, "%s: %s\n", what, tarn_result_text(result));
  return 1;
}

static int train(net_instance* net) {
  float x[NET_BATCH * NET_X_ROW], loss = 0, accuracy = 0, loss_sum = 0, accuracy_sum = 0;
  int32_t y[NET_BATCH];
  for (int step = 1; step <= kSteps; ++step) {
    make_batch(x, y);
    if (failed("x", net_set_x(net, x, NET_BATCH)) || failed("y", net_set_y(net, y, NET_BATCH))) return 1;
    if (failed("train_step", net_train_step(net, &loss))) return 1;
    if (failed("accuracy", net_metric_accuracy(net, &accuracy))) return 1;
    loss_sum += loss;
    accuracy_sum += accuracy;
    if (step % kReport != 0) continue;
    printf("step %4d  loss %.4f  accuracy %.2f %%\n", step, loss_sum / kReport, 100 * accuracy_sum / kReport);
    if (step < kSteps) loss_sum = accuracy_sum = 0;
  }
  return accuracy_sum / kReport > 0.97f ? 0 : 1; /* the mean over the last steps */
}

int main(void) {
  static buffer file;
  net_instance *net = NULL, *copy = NULL;
  float x[NET_BATCH * NET_X_ROW], outputs[NET_BATCH * 2];
  int32_t y[NET_BATCH];
  const void* data = NULL;
  size_t bytes = 0;
  if (failed("create", net_create(NULL, aligned(block_a), NET_MEMORY_BYTES, &net))) return 1;
  if (failed("init", net_init(net))) return 1;
  printf("the model lives in %d bytes\n", NET_MEMORY_BYTES);
  if (train(net) != 0) return 1;

  if (failed("save", net_save(net, append, &file))) return 1;
  if (failed("create", net_create(NULL, aligned(block_b), NET_MEMORY_BYTES, &copy))) return 1;
  if (failed("load", net_load(copy, copy_out, &file, file.size))) return 1;
  make_batch(x, y);
  if (failed("x", net_set_x(net, x, NET_BATCH)) || failed("x", net_set_x(copy, x, NET_BATCH))) return 1;
  if (failed("predict", net_predict(net)) || failed("predict", net_predict(copy))) return 1;
  if (failed("output", tarn_output(net_as_tarn(net), 0, &data, &bytes))) return 1;
  memcpy(outputs, data, bytes);
  if (failed("output", tarn_output(net_as_tarn(copy), 0, &data, &bytes))) return 1;
  printf("saved %zu bytes; the loaded copy predicts %s\n", file.size,
         memcmp(outputs, data, bytes) == 0 ? "the same" : "something else");
  return memcmp(outputs, data, bytes) == 0 ? 0 : 1;
}
