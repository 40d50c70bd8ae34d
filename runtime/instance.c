/* One instance of a compiled model: creation, scalars, batches, runs. */
#include "instance.h"

#include <string.h>

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

const tarn_tensor* tarn_instance_first(const tarn_instance* instance, uint32_t role) {
  uint32_t index = instance->first_of[role];
  return index < instance->program->tensor_count ? &instance->program->tensors[index] : NULL;
}

/* ---- creation */

static void note_tensors(tarn_instance* instance) {
  const tarn_program* program = instance->program;
  for (uint32_t role = 0; role <= TARN_OUTPUT; ++role) instance->first_of[role] = program->tensor_count;
  instance->first_input = instance->end_input = instance->predict_names_its_inputs = 0;
  for (uint32_t i = 0; i < program->tensor_count; ++i) {
    const tarn_tensor* tensor = &program->tensors[i];
    if (tensor->role > TARN_OUTPUT) continue;
    if (instance->first_of[tensor->role] == program->tensor_count) instance->first_of[tensor->role] = i;
    if (tensor->role != TARN_INPUT) continue;
    if (instance->end_input == 0) instance->first_input = i;
    instance->end_input = i + 1;
    instance->predict_names_its_inputs |= tensor->reserved & TARN_USED_BY_PREDICT;
  }
}

void tarn_instance_set_defaults(tarn_instance* instance) {
  const tarn_program* program = instance->program;
  instance->ready = 0;
  instance->rows = 0;
  for (uint32_t i = 0; i < program->tensor_count; ++i) {
    instance->mark[i] = 0;
    if (program->tensors[i].role == TARN_HYPER)
      tarn_instance_write(instance, &program->tensors[i], &program->tensors[i].initial);
  }
  tarn_instance_set_scalar(instance, TARN_SEED, instance->seed);
  tarn_instance_set_scalar(instance, TARN_TOTAL_STEPS, instance->total_steps);
}

tarn_result tarn_instance_make(tarn_instance* instance, const tarn_program* program, tarn_device* device,
                               uint64_t* mark, int64_t seed, int64_t total_steps) {
  if (!tarn_is_known_version(program)) return TARN_ERROR_VERSION;
  if (device->table->allocate(device, program->arena_bytes, program->arena_alignment) != 0) return TARN_ERROR_SIZE;
  instance->magic = TARN_INSTANCE_MAGIC;
  instance->program = program;
  instance->device = device;
  instance->mark = mark;
  instance->seed = seed;
  instance->total_steps = total_steps;
  note_tensors(instance);
  tarn_instance_set_defaults(instance);
  return TARN_OK;
}

/* ---- tensors */

void tarn_instance_read(const tarn_instance* instance, const tarn_tensor* tensor, void* to) {
  instance->device->table->read(instance->device, tensor->offset, to, tensor->bytes);
}

void tarn_instance_write(tarn_instance* instance, const tarn_tensor* tensor, const void* from) {
  instance->device->table->write(instance->device, tensor->offset, from, tensor->bytes);
}

int64_t tarn_instance_scalar(const tarn_instance* instance, uint32_t role, int64_t otherwise) {
  const tarn_tensor* tensor = tarn_instance_first(instance, role);
  if (tensor != NULL) tarn_instance_read(instance, tensor, &otherwise);
  return otherwise;
}

void tarn_instance_set_scalar(tarn_instance* instance, uint32_t role, int64_t value) {
  const tarn_tensor* tensor = tarn_instance_first(instance, role);
  if (role == TARN_SEED) instance->seed = value;
  if (role == TARN_TOTAL_STEPS) instance->total_steps = value;
  if (tensor != NULL) tarn_instance_write(instance, tensor, &value);
}

double tarn_instance_number(const tarn_instance* instance, const tarn_tensor* tensor) {
  double wide = 0;
  float narrow = 0;
  if (tensor->dtype == TARN_F64) {
    tarn_instance_read(instance, tensor, &wide);
    return wide;
  }
  tarn_instance_read(instance, tensor, &narrow);
  return (double)narrow;
}

/* ---- a batch */

unsigned char* tarn_instance_begin_rows(tarn_instance* instance, const tarn_tensor* input) {
  return (unsigned char*)instance->device->table->begin_write(instance->device, input->offset, input->bytes);
}

void tarn_instance_end_rows(tarn_instance* instance, const tarn_tensor* input, unsigned char* memory, uint64_t rows) {
  uint64_t filled = tarn_rows_bytes(instance->program, input, rows), bytes = input->bytes;
  /* What is filled grows by whole rows: at first by `rows` of them, then by copies of all that there are. */
  for (uint64_t count; filled < bytes; filled += count) {
    count = bytes - filled < filled ? bytes - filled : filled;
    memcpy(memory + filled, memory, (size_t)count);
  }
  instance->device->table->end_write(instance->device, input->offset, bytes);
  instance->mark[input - instance->program->tensors] = rows;
}

/* Whether all are in 0..classes-1.  One loop a dtype, without a branch: it runs for each batch. */
static int are_u8_below(const unsigned char* values, uint64_t count, uint64_t classes) {
  int bad = 0;
  for (uint64_t i = 0; i < count; ++i) bad |= values[i] >= classes;
  return !bad;
}

static int are_i32_below(const unsigned char* values, uint64_t count, uint64_t classes) {
  int bad = 0;
  uint32_t value, limit = classes < INT32_MAX ? (uint32_t)classes : (uint32_t)INT32_MAX;
  for (uint64_t i = 0; i < count; ++i) {
    memcpy(&value, values + 4 * i, 4); /* a negative one is large */
    bad |= value >= limit;
  }
  return !bad;
}

static int are_i64_below(const unsigned char* values, uint64_t count, uint64_t classes) {
  int bad = 0;
  uint64_t value;
  for (uint64_t i = 0; i < count; ++i) {
    memcpy(&value, values + 8 * i, 8);
    bad |= value >= classes;
  }
  return !bad;
}

int tarn_are_classes(const tarn_tensor* input, const void* values, uint64_t bytes) {
  const unsigned char* first = (const unsigned char*)values;
  uint64_t classes = (uint64_t)input->initial;
  if (classes == 0) return 1;
  switch ((enum tarn_dtype)input->dtype) {
    case TARN_BOOL:
    case TARN_U8:
      return are_u8_below(first, bytes, classes);
    case TARN_I32:
      return are_i32_below(first, bytes / 4, classes);
    case TARN_I64:
      return are_i64_below(first, bytes / 8, classes);
    case TARN_F32:
    case TARN_F64:
    case TARN_F16:
    case TARN_BF16:
      break;
  }
  return 1;
}

int tarn_instance_predict_reads(const tarn_instance* instance, const tarn_tensor* input) {
  if (instance->predict_names_its_inputs) return (input->reserved & TARN_USED_BY_PREDICT) != 0;
  return input == tarn_instance_first(instance, TARN_INPUT);
}

static int is_read(const tarn_instance* instance, const tarn_tensor* input, int is_predict) {
  return is_predict ? tarn_instance_predict_reads(instance, input) : (input->reserved & TARN_ONLY_BY_PREDICT) == 0;
}

/* Sets COUNT to the rows that the inputs which are read agree on. */
static tarn_result agree_on_rows(tarn_instance* instance, int is_predict) {
  const tarn_program* program = instance->program;
  uint64_t rows = 0;
  for (uint32_t i = instance->first_input; i < instance->end_input; ++i) {
    const tarn_tensor* tensor = &program->tensors[i];
    if (tensor->role != TARN_INPUT || !is_read(instance, tensor, is_predict)) continue;
    if (instance->mark[i] == 0) return TARN_ERROR_INPUT;
    if (!tarn_has_batch(tensor)) continue;
    if (rows != 0 && rows != instance->mark[i]) return TARN_ERROR_INPUT;
    rows = instance->mark[i];
  }
  if (rows == 0) rows = program->batch;
  if (rows != instance->rows) tarn_instance_set_scalar(instance, TARN_COUNT, (int64_t)rows);
  instance->rows = rows;
  return TARN_OK;
}

tarn_result tarn_instance_run(tarn_instance* instance, const tarn_entry* entry, const tarn_observer* observer) {
  const tarn_program* program = instance->program;
  tarn_device* device = instance->device;
  if (entry->run == NULL) return TARN_ERROR_NO_ENTRY;
  if (entry != &program->init) {
    if (!instance->ready) return TARN_ERROR_NOT_READY;
    tarn_result result = agree_on_rows(instance, entry == &program->predict);
    if (result != TARN_OK) return result;
  }
  device->table->run(device, entry, observer);
  switch (device->table->synchronise(device)) {
    case TARN_RUN_DONE:
      instance->ready = 1;
      return TARN_OK;
    case TARN_RUN_NOT_FINITE:
      return TARN_DIVERGED;
    case TARN_RUN_FAILED:
      break;
  }
  return TARN_ERROR_IO;
}

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
