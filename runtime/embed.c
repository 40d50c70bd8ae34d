/* The embedding API over a tarn_program: making, feeding and running an instance in the caller's memory. */
#include "embed.h"

#include <math.h>
#include <string.h>

#include "device_host.h"
#include "embed_internal.h"
#include "instance.h"

typedef struct embedded {
  tarn_instance instance; /* what the caller's handle points to */
  tarn_host_device host;
} embedded;

typedef char both_fit_the_head[sizeof(embedded) <= TARN_INSTANCE_HEAD ? 1 : -1];

size_t tarn_instance_bytes(const struct tarn_program* program) {
  if (program == NULL) return 0;
  return (size_t)(tarn_instance_head(program->tensor_count, program->arena_alignment) + program->arena_bytes);
}

size_t tarn_instance_alignment(const struct tarn_program* program) {
  return program == NULL ? 0 : (size_t)program->arena_alignment;
}

tarn_result tarn_reset(tarn_instance* instance) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  instance->device->table->zero(instance->device, 0, instance->program->arena_bytes);
  tarn_instance_set_defaults(instance);
  return TARN_OK;
}

tarn_result tarn_create(const struct tarn_program* program, const tarn_options* options, void* memory, size_t bytes,
                        tarn_instance** instance) {
  if (program == NULL || memory == NULL || instance == NULL) return TARN_ERROR_NULL;
  *instance = NULL;
  if (!tarn_is_known_version(program)) return TARN_ERROR_VERSION;
  if (options != NULL && options->struct_size != sizeof(tarn_options)) return TARN_ERROR_VERSION;
  if ((uintptr_t)memory % (uintptr_t)program->arena_alignment != 0) return TARN_ERROR_ALIGNMENT;
  if (bytes < tarn_instance_bytes(program)) return TARN_ERROR_SIZE;
  embedded* made = (embedded*)memory;
  unsigned char* block = (unsigned char*)memory;
  tarn_host_device_make(&made->host, block + tarn_instance_head(program->tensor_count, program->arena_alignment),
                        program->arena_bytes, NULL);
  tarn_result result =
      tarn_instance_make(&made->instance, program, &made->host.device, (uint64_t*)(void*)(block + TARN_INSTANCE_HEAD),
                         options != NULL ? options->seed : 1, options != NULL ? options->total_steps : 0);
  if (result == TARN_OK) *instance = &made->instance;
  return result;
}

tarn_result tarn_init(tarn_instance* instance) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  return tarn_instance_run(instance, &instance->program->init, NULL);
}

static tarn_result find_input(const tarn_instance* instance, uint32_t index, const tarn_tensor** tensor) {
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  for (uint32_t i = instance->first_input; i < instance->end_input; ++i) {
    *tensor = &instance->program->tensors[i];
    if ((*tensor)->role == TARN_INPUT && index-- == 0) return TARN_OK;
  }
  return TARN_ERROR_NAME;
}

tarn_result tarn_set_input(tarn_instance* instance, uint32_t index, const void* data, size_t bytes) {
  const tarn_tensor* tensor = NULL;
  if (instance == NULL || data == NULL) return TARN_ERROR_NULL;
  tarn_result result = find_input(instance, index, &tensor);
  if (result != TARN_OK) return result;
  uint64_t row_bytes = tarn_row_bytes(instance->program, tensor);
  if (bytes == 0 || bytes > tensor->bytes || bytes % row_bytes != 0) return TARN_ERROR_SIZE;
  if (!tarn_are_classes(tensor, data, bytes)) return TARN_ERROR_VALUE;
  unsigned char* memory = tarn_instance_begin_rows(instance, tensor);
  memcpy(memory, data, bytes);
  tarn_instance_end_rows(instance, tensor, memory, bytes / row_bytes);
  return TARN_OK;
}

/* The host device's memory for an input is the same at each call and shows what is written there later. */
tarn_result tarn_input_memory(tarn_instance* instance, uint32_t index, void** data) {
  const tarn_tensor* tensor = NULL;
  if (instance == NULL || data == NULL) return TARN_ERROR_NULL;
  tarn_result result = find_input(instance, index, &tensor);
  if (result == TARN_OK) *data = tarn_instance_begin_rows(instance, tensor);
  return result;
}

tarn_result tarn_set_rows(tarn_instance* instance, int64_t rows) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  if (rows < 1 || (uint64_t)rows > instance->program->batch) return TARN_ERROR_VALUE;
  for (int is_checked = 0; is_checked <= 1; ++is_checked)
    for (uint32_t i = instance->first_input; i < instance->end_input; ++i) {
      const tarn_tensor* tensor = &instance->program->tensors[i];
      if (tensor->role != TARN_INPUT) continue;
      unsigned char* memory = tarn_instance_begin_rows(instance, tensor);
      uint64_t bytes = tarn_rows_bytes(instance->program, tensor, (uint64_t)rows);
      if (is_checked)
        tarn_instance_end_rows(instance, tensor, memory, (uint64_t)rows);
      else if (!tarn_are_classes(tensor, memory, bytes))
        return TARN_ERROR_VALUE;
    }
  return TARN_OK;
}

tarn_result tarn_set_hyper(tarn_instance* instance, const char* name, double value) {
  if (instance == NULL || name == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  const tarn_tensor* tensor = tarn_find_tensor(instance->program, name, TARN_HYPER, TARN_HYPER);
  if (tensor == NULL) return TARN_ERROR_NAME;
  if (!isfinite(value)) return TARN_ERROR_VALUE;
  tarn_instance_write(instance, tensor, &value);
  return TARN_OK;
}

static tarn_result set_scalar(tarn_instance* instance, uint32_t role, int64_t value, int64_t least) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  if (value < least) return TARN_ERROR_VALUE;
  tarn_instance_set_scalar(instance, role, value);
  return TARN_OK;
}

tarn_result tarn_set_seed(tarn_instance* instance, int64_t seed) {
  return set_scalar(instance, TARN_SEED, seed, INT64_MIN);
}

tarn_result tarn_set_total_steps(tarn_instance* instance, int64_t steps) {
  return set_scalar(instance, TARN_TOTAL_STEPS, steps, 0);
}

tarn_result tarn_set_epoch(tarn_instance* instance, int64_t epoch) {
  return set_scalar(instance, TARN_EPOCH, epoch, 0);
}

tarn_result tarn_step(const tarn_instance* instance, int64_t* steps_done) {
  if (instance == NULL || steps_done == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  *steps_done = tarn_instance_scalar(instance, TARN_STEP, 0);
  return TARN_OK;
}

static tarn_result run_step(tarn_instance* instance, const tarn_entry* entry, float* loss) {
  tarn_result result = tarn_instance_run(instance, entry, NULL);
  const tarn_tensor* tensor = tarn_instance_first(instance, TARN_LOSS);
  if (result >= TARN_OK && loss != NULL && tensor != NULL) *loss = (float)tarn_instance_number(instance, tensor);
  return result;
}

tarn_result tarn_train_step(tarn_instance* instance, float* loss) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  return run_step(instance, &instance->program->train_step, loss);
}

tarn_result tarn_eval_step(tarn_instance* instance, float* loss) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  return run_step(instance, &instance->program->eval_step, loss);
}

tarn_result tarn_predict(tarn_instance* instance) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  return tarn_instance_run(instance, &instance->program->predict, NULL);
}

tarn_result tarn_metric(const tarn_instance* instance, const char* name, float* value) {
  if (instance == NULL || name == NULL || value == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  const tarn_tensor* tensor = tarn_find_tensor(instance->program, name, TARN_METRIC, TARN_METRIC);
  if (tensor == NULL) return TARN_ERROR_NAME;
  *value = (float)tarn_instance_number(instance, tensor);
  return TARN_OK;
}

tarn_result tarn_output(const tarn_instance* instance, uint32_t index, const void** data, size_t* bytes) {
  if (instance == NULL || data == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  const tarn_program* program = instance->program;
  const tarn_tensor* tensor = tarn_nth_of_role(program, TARN_OUTPUT, index);
  if (tensor == NULL) return TARN_ERROR_NAME;
  uint64_t rows = instance->rows != 0 ? instance->rows : program->batch;
  *data = instance->device->table->view(instance->device, tensor->offset, tensor->bytes);
  if (bytes != NULL) *bytes = (size_t)tarn_rows_bytes(program, tensor, rows);
  return TARN_OK;
}
