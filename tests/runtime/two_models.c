/* A C99 user of two models at once: only NAME.h and libNAME.a are known here. */
#include <stdio.h>

#include "fake_csv.h"
#include "fake_idx.h"

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      printf("%s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
      return 1;                                                       \
    }                                                                 \
  } while (0)

static unsigned char csv_block[FAKE_CSV_MEMORY_BYTES + FAKE_CSV_ALIGNMENT];
static unsigned char idx_block[FAKE_IDX_MEMORY_BYTES + FAKE_IDX_ALIGNMENT];

static void* aligned(unsigned char* block, size_t alignment) {
  return block + (alignment - (uintptr_t)block % alignment);
}

int main(void) {
  fake_csv_instance* csv = NULL;
  fake_idx_instance* idx = NULL;
  float x[FAKE_CSV_BATCH * FAKE_CSV_X_ROW], loss = 0, first = 0, accuracy = 0;
  uint8_t images[FAKE_IDX_BATCH * FAKE_IDX_X_ROW];
  int32_t y[FAKE_CSV_BATCH];
  void* csv_memory = aligned(csv_block, FAKE_CSV_ALIGNMENT);
  void* idx_memory = aligned(idx_block, FAKE_IDX_ALIGNMENT);
  CHECK(tarn_instance_bytes(&fake_csv_program) == FAKE_CSV_MEMORY_BYTES);
  CHECK(fake_csv_create(NULL, csv_memory, FAKE_CSV_MEMORY_BYTES, &csv) == TARN_OK);
  CHECK(fake_idx_create(NULL, idx_memory, FAKE_IDX_MEMORY_BYTES - 1, &idx) == TARN_ERROR_SIZE);
  CHECK(fake_idx_create(NULL, idx_memory, FAKE_IDX_MEMORY_BYTES, &idx) == TARN_OK);
  CHECK(fake_csv_init(csv) == TARN_OK && fake_idx_init(idx) == TARN_OK);
  for (int row = 0; row < FAKE_CSV_BATCH; ++row) {
    y[row] = row % 3;
    for (int i = 0; i < FAKE_CSV_X_ROW; ++i) x[row * FAKE_CSV_X_ROW + i] = i == y[row] ? 1.0f : 0.0f;
    for (int i = 0; i < FAKE_IDX_X_ROW; ++i) images[row * FAKE_IDX_X_ROW + i] = i / 4 == y[row] ? 250 : 10;
  }
  CHECK(fake_csv_set_hyper_lr(csv, 0.5) == TARN_OK);
  for (int step = 0; step < 100; ++step) {
    CHECK(fake_csv_set_x(csv, x, FAKE_CSV_BATCH) == TARN_OK && fake_csv_set_y(csv, y, FAKE_CSV_BATCH) == TARN_OK);
    CHECK(fake_csv_train_step(csv, step == 0 ? &first : &loss) == TARN_OK);
    CHECK(fake_idx_set_x(idx, images, 3) == TARN_OK && fake_idx_set_y(idx, y, 3) == TARN_OK);
    CHECK(fake_idx_train_step(idx, NULL) == TARN_OK);
  }
  CHECK(loss < first / 10);
  CHECK(fake_csv_metric_accuracy(csv, &accuracy) == TARN_OK && accuracy == 1.0f);
  CHECK(fake_idx_set_x(idx, images, FAKE_IDX_BATCH + 1) == TARN_ERROR_SIZE);
  CHECK(fake_csv_x_memory(csv) != NULL);
  CHECK(fake_idx_predict(idx) == TARN_OK);
  const float* p = fake_idx_output_probabilities(idx);
  CHECK(p != NULL && p[0] > p[1] && p[FAKE_IDX_PROBABILITIES_ROW + 1] > p[FAKE_IDX_PROBABILITIES_ROW]);
  printf("two models trained\n");
  return 0;
}
