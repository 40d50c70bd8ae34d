/* The embedding API over a tarn_program: making, feeding and running an instance in the caller's memory. */
#include "embed.h"

#include <math.h>
#include <string.h>

#include "embed_internal.h"

typedef char instance_fits_its_head[sizeof(struct tarn_instance) <= TARN_INSTANCE_HEAD ? 1 : -1];

const char* tarn_result_text(tarn_result result) {
  switch (result) {
    case TARN_OK:
      return "done";
    case TARN_DIVERGED:
      return "the loss is not finite";
    case TARN_ERROR_NULL:
      return "an argument is NULL";
    case TARN_ERROR_VERSION:
      return "struct_size or the program's ABI version is not known to this library";
    case TARN_ERROR_SIZE:
      return "a block of memory has the wrong number of bytes";
    case TARN_ERROR_ALIGNMENT:
      return "the memory is not aligned as the model needs";
    case TARN_ERROR_NAME:
      return "the model has no tensor of that name, index or kind";
    case TARN_ERROR_INSTANCE:
      return "not an instance of this model";
    case TARN_ERROR_NOT_READY:
      return "the parameters are not made yet: call init or load first";
    case TARN_ERROR_INPUT:
      return "an input is not set, or the inputs have different numbers of rows";
    case TARN_ERROR_NO_ENTRY:
      return "the model has no such entry point";
    case TARN_ERROR_VALUE:
      return "a number is out of range";
    case TARN_ERROR_IO:
      return "a read or write callback failed";
    case TARN_ERROR_FORMAT:
      return "not a safetensors file, or a damaged one";
    case TARN_ERROR_FOREIGN:
      return "the file belongs to another model";
  }
  return "an unknown result code";
}

const tarn_tensor* tarn_nth_of_role(const tarn_program* program, uint32_t role, uint32_t index) {
  for (uint32_t i = 0; i < program->tensor_count; ++i)
    if (program->tensors[i].role == role && index-- == 0) return &program->tensors[i];
  return NULL;
}

const tarn_tensor* tarn_find_tensor(const tarn_program* program, const char* name, uint32_t first_role,
                                    uint32_t last_role) {
  for (uint32_t i = 0; i < program->tensor_count; ++i) {
    const tarn_tensor* tensor = &program->tensors[i];
    if (tensor->role >= first_role && tensor->role <= last_role && strcmp(tensor->name, name) == 0) return tensor;
  }
  return NULL;
}

void tarn_put_scalar(tarn_instance* instance, uint32_t role, int64_t value) {
  const tarn_tensor* tensor = tarn_nth_of_role(instance->program, role, 0);
  if (tensor != NULL) memcpy(instance->arena + tensor->offset, &value, sizeof value);
}

int64_t tarn_get_scalar(const tarn_instance* instance, uint32_t role, int64_t otherwise) {
  const tarn_tensor* tensor = tarn_nth_of_role(instance->program, role, 0);
  if (tensor != NULL) memcpy(&otherwise, instance->arena + tensor->offset, sizeof otherwise);
  return otherwise;
}

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
  const tarn_program* program = instance->program;
  instance->ready = 0;
  memset(instance->mark, 0, 8 * (size_t)program->tensor_count);
  memset(instance->arena, 0, (size_t)program->arena_bytes);
  for (uint32_t i = 0; i < program->tensor_count; ++i) {
    const tarn_tensor* tensor = &program->tensors[i];
    if (tensor->role == TARN_HYPER) memcpy(instance->arena + tensor->offset, &tensor->initial, sizeof(double));
  }
  tarn_put_scalar(instance, TARN_SEED, instance->seed);
  tarn_put_scalar(instance, TARN_TOTAL_STEPS, instance->total_steps);
  return TARN_OK;
}

tarn_result tarn_create(const struct tarn_program* program, const tarn_options* options, void* memory, size_t bytes,
                        tarn_instance** instance) {
  if (program == NULL || memory == NULL || instance == NULL) return TARN_ERROR_NULL;
  *instance = NULL;
  if (program->abi_version != TARN_ABI_VERSION || program->struct_size < sizeof(tarn_program))
    return TARN_ERROR_VERSION;
  if (options != NULL && options->struct_size != sizeof(tarn_options)) return TARN_ERROR_VERSION;
  if ((uintptr_t)memory % (uintptr_t)program->arena_alignment != 0) return TARN_ERROR_ALIGNMENT;
  if (bytes < tarn_instance_bytes(program)) return TARN_ERROR_SIZE;
  tarn_instance* made = (tarn_instance*)memory;
  made->magic = TARN_INSTANCE_MAGIC;
  made->program = program;
  made->mark = (uint64_t*)((unsigned char*)memory + TARN_INSTANCE_HEAD);
  made->arena = (unsigned char*)memory + tarn_instance_head(program->tensor_count, program->arena_alignment);
  made->seed = options != NULL ? options->seed : 1;
  made->total_steps = options != NULL ? options->total_steps : 0;
  tarn_reset(made);
  *instance = made;
  return TARN_OK;
}

static tarn_result run(tarn_instance* instance, const tarn_entry* entry) {
  tarn_team team;
  memset(&team, 0, sizeof team);
  team.threads = 1;
  if (entry->run == NULL) return TARN_ERROR_NO_ENTRY;
  return entry->run(instance->arena, &team) == 0 ? TARN_OK : TARN_DIVERGED;
}

tarn_result tarn_init(tarn_instance* instance) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  tarn_result result = run(instance, &instance->program->init);
  if (result == TARN_OK) instance->ready = 1;
  return result;
}

static tarn_result find_input(const tarn_instance* instance, uint32_t index, const tarn_tensor** tensor) {
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  *tensor = tarn_nth_of_role(instance->program, TARN_INPUT, index);
  return *tensor == NULL ? TARN_ERROR_NAME : TARN_OK;
}

/* Rows past the valid ones become copies of them, in turn. */
static void set_rows(tarn_instance* instance, const tarn_tensor* tensor, uint64_t rows) {
  uint64_t batch = instance->program->batch, row_bytes = tensor->bytes / batch;
  unsigned char* data = instance->arena + tensor->offset;
  for (uint64_t row = rows; row < batch; ++row)
    memcpy(data + row * row_bytes, data + (row - rows) * row_bytes, (size_t)row_bytes);
  instance->mark[tensor - instance->program->tensors] = rows;
}

tarn_result tarn_set_input(tarn_instance* instance, uint32_t index, const void* data, size_t bytes) {
  const tarn_tensor* tensor = NULL;
  if (instance == NULL || data == NULL) return TARN_ERROR_NULL;
  tarn_result result = find_input(instance, index, &tensor);
  if (result != TARN_OK) return result;
  uint64_t row_bytes = tensor->bytes / instance->program->batch;
  if (bytes == 0 || bytes > tensor->bytes || bytes % row_bytes != 0) return TARN_ERROR_SIZE;
  memcpy(instance->arena + tensor->offset, data, bytes);
  set_rows(instance, tensor, bytes / row_bytes);
  return TARN_OK;
}

tarn_result tarn_input_memory(tarn_instance* instance, uint32_t index, void** data) {
  const tarn_tensor* tensor = NULL;
  if (instance == NULL || data == NULL) return TARN_ERROR_NULL;
  tarn_result result = find_input(instance, index, &tensor);
  if (result == TARN_OK) *data = instance->arena + tensor->offset;
  return result;
}

tarn_result tarn_set_rows(tarn_instance* instance, int64_t rows) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  const tarn_program* program = instance->program;
  if (rows < 1 || (uint64_t)rows > program->batch) return TARN_ERROR_VALUE;
  for (uint32_t i = 0; i < program->tensor_count; ++i)
    if (program->tensors[i].role == TARN_INPUT) set_rows(instance, &program->tensors[i], (uint64_t)rows);
  return TARN_OK;
}

tarn_result tarn_set_hyper(tarn_instance* instance, const char* name, double value) {
  if (instance == NULL || name == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  const tarn_tensor* tensor = tarn_find_tensor(instance->program, name, TARN_HYPER, TARN_HYPER);
  if (tensor == NULL) return TARN_ERROR_NAME;
  if (!isfinite(value)) return TARN_ERROR_VALUE;
  memcpy(instance->arena + tensor->offset, &value, sizeof value);
  return TARN_OK;
}

tarn_result tarn_set_seed(tarn_instance* instance, int64_t seed) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  instance->seed = seed;
  tarn_put_scalar(instance, TARN_SEED, seed);
  return TARN_OK;
}

tarn_result tarn_set_total_steps(tarn_instance* instance, int64_t steps) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  if (steps < 0) return TARN_ERROR_VALUE;
  instance->total_steps = steps;
  tarn_put_scalar(instance, TARN_TOTAL_STEPS, steps);
  return TARN_OK;
}

tarn_result tarn_set_epoch(tarn_instance* instance, int64_t epoch) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  if (epoch < 0) return TARN_ERROR_VALUE;
  tarn_put_scalar(instance, TARN_EPOCH, epoch);
  return TARN_OK;
}

tarn_result tarn_step(const tarn_instance* instance, int64_t* steps_done) {
  if (instance == NULL || steps_done == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  *steps_done = tarn_get_scalar(instance, TARN_STEP, 0);
  return TARN_OK;
}

/* Sets COUNT to the rows that the inputs agree on: all inputs, or those that predict reads. */
static tarn_result agree_on_rows(tarn_instance* instance, int predict) {
  const tarn_program* program = instance->program;
  uint64_t rows = 0;
  uint32_t flagged = 0, inputs = 0;
  for (uint32_t i = 0; i < program->tensor_count; ++i)
    if (program->tensors[i].role == TARN_INPUT) flagged |= program->tensors[i].reserved & TARN_USED_BY_PREDICT;
  for (uint32_t i = 0; i < program->tensor_count; ++i) {
    const tarn_tensor* tensor = &program->tensors[i];
    if (tensor->role != TARN_INPUT) continue;
    int is_read = !predict || (flagged ? (tensor->reserved & TARN_USED_BY_PREDICT) != 0 : inputs == 0);
    ++inputs;
    if (!is_read) continue;
    if (instance->mark[i] == 0 || (rows != 0 && rows != instance->mark[i])) return TARN_ERROR_INPUT;
    rows = instance->mark[i];
  }
  tarn_put_scalar(instance, TARN_COUNT, (int64_t)(rows != 0 ? rows : program->batch));
  return TARN_OK;
}

static tarn_result run_batch(tarn_instance* instance, const tarn_entry* entry, int predict) {
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  if (entry->run == NULL) return TARN_ERROR_NO_ENTRY;
  if (!instance->ready) return TARN_ERROR_NOT_READY;
  tarn_result result = agree_on_rows(instance, predict);
  return result != TARN_OK ? result : run(instance, entry);
}

static void read_loss(const tarn_instance* instance, float* loss) {
  const tarn_tensor* tensor = tarn_nth_of_role(instance->program, TARN_LOSS, 0);
  if (loss != NULL && tensor != NULL) memcpy(loss, instance->arena + tensor->offset, sizeof *loss);
}

tarn_result tarn_train_step(tarn_instance* instance, float* loss) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  tarn_result result = run_batch(instance, &instance->program->train_step, 0);
  if (result >= TARN_OK) read_loss(instance, loss);
  return result;
}

tarn_result tarn_eval_step(tarn_instance* instance, float* loss) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  tarn_result result = run_batch(instance, &instance->program->eval_step, 0);
  if (result >= TARN_OK) read_loss(instance, loss);
  return result;
}

tarn_result tarn_predict(tarn_instance* instance) {
  if (instance == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  return run_batch(instance, &instance->program->predict, 1);
}

tarn_result tarn_metric(const tarn_instance* instance, const char* name, float* value) {
  if (instance == NULL || name == NULL || value == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  const tarn_tensor* tensor = tarn_find_tensor(instance->program, name, TARN_METRIC, TARN_METRIC);
  if (tensor == NULL) return TARN_ERROR_NAME;
  memcpy(value, instance->arena + tensor->offset, sizeof *value);
  return TARN_OK;
}

tarn_result tarn_output(const tarn_instance* instance, uint32_t index, const void** data, size_t* bytes) {
  if (instance == NULL || data == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  const tarn_tensor* tensor = tarn_nth_of_role(instance->program, TARN_OUTPUT, index);
  if (tensor == NULL) return TARN_ERROR_NAME;
  uint64_t batch = instance->program->batch;
  *data = instance->arena + tensor->offset;
  if (bytes != NULL)
    *bytes = (size_t)(tensor->bytes / batch * (uint64_t)tarn_get_scalar(instance, TARN_COUNT, (int64_t)batch));
  return TARN_OK;
}
