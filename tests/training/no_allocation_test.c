/* A thousand steps of the compiled MNIST model call no allocator: malloc and its like are interposed and counted. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mnist.h"

/* glibc's own names for what is interposed here. */
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);

static long calls;

void* malloc(size_t size) {
  ++calls;
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  ++calls;
  return __libc_calloc(count, size);
}

void* realloc(void* block, size_t size) {
  ++calls;
  return __libc_realloc(block, size);
}

static unsigned char block[MNIST_MEMORY_BYTES + MNIST_ALIGNMENT];
static uint8_t images[MNIST_BATCH * 784], labels[MNIST_BATCH];

/* A different batch each step: a bright bar whose row is the label. */
static void make_batch(int step) {
  for (int row = 0; row < MNIST_BATCH; ++row) {
    labels[row] = (uint8_t)((row * 7 + step) % 10);
    for (int i = 0; i < 784; ++i) {
      images[row * 784 + i] = (uint8_t)(i / 28 == 4 + 2 * labels[row] ? 255 : (i * 31 + step * 17 + row) % 64);
    }
  }
}

int main(void) {
  mnist_instance* net = NULL;
  void* memory = block + (MNIST_ALIGNMENT - (uintptr_t)block % MNIST_ALIGNMENT);
  float loss = 0;
  void* volatile probe = malloc(1);
  free(probe);
  if (calls != 1) {
    puts("the interposed malloc is not called");
    return 1;
  }
  if (mnist_create(NULL, memory, MNIST_MEMORY_BYTES, &net) != TARN_OK || mnist_init(net) != TARN_OK) return 1;
  calls = 0;
  for (int step = 0; step < 1000; ++step) {
    make_batch(step);
    if (mnist_set_images(net, images, MNIST_BATCH) != TARN_OK ||
        mnist_set_labels(net, labels, MNIST_BATCH) != TARN_OK || mnist_train_step(net, &loss) != TARN_OK) {
      return 1;
    }
  }
  long counted = calls; /* printf may allocate */
  printf("%ld allocations in 1000 steps; loss %.4f\n", counted, (double)loss);
  return counted == 0 && isfinite(loss) && loss < 0.1f ? 0 : 1;
}
