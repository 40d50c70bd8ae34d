/* The embedding API's parameters by name, and their way to and from safetensors through the caller's callbacks. */
#include <string.h>

#include "instance_file.h"

uint32_t tarn_parameter_count(const tarn_instance* instance) {
  return instance == NULL || !tarn_is_instance(instance) ? 0 : tarn_saved_count(instance->program);
}

tarn_result tarn_parameter(const tarn_instance* instance, uint32_t index, tarn_parameter_info* info) {
  if (instance == NULL || info == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  if (info->struct_size != sizeof *info) return TARN_ERROR_VERSION;
  const tarn_tensor* tensor = tarn_nth_saved(instance->program, index);
  if (tensor == NULL) return TARN_ERROR_NAME;
  info->name = tensor->name;
  info->dtype = tensor->dtype;
  info->role = tensor->role;
  info->rank = tensor->rank;
  info->shape = tensor->shape;
  info->bytes = (size_t)tensor->bytes;
  return TARN_OK;
}

static tarn_result find_parameter(const tarn_instance* instance, const char* name, size_t bytes,
                                  const tarn_tensor** tensor) {
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  *tensor = tarn_find_tensor(instance->program, name, TARN_PARAM, TARN_SLOT);
  if (*tensor == NULL) return TARN_ERROR_NAME;
  if ((*tensor)->bytes != bytes) return TARN_ERROR_SIZE;
  return instance->ready ? TARN_OK : TARN_ERROR_NOT_READY;
}

tarn_result tarn_get_parameter(const tarn_instance* instance, const char* name, void* data, size_t bytes) {
  const tarn_tensor* tensor = NULL;
  if (instance == NULL || name == NULL || data == NULL) return TARN_ERROR_NULL;
  tarn_result result = find_parameter(instance, name, bytes, &tensor);
  if (result == TARN_OK) tarn_instance_read(instance, tensor, data);
  return result;
}

tarn_result tarn_set_parameter(tarn_instance* instance, const char* name, const void* data, size_t bytes) {
  const tarn_tensor* tensor = NULL;
  if (instance == NULL || name == NULL || data == NULL) return TARN_ERROR_NULL;
  tarn_result result = find_parameter(instance, name, bytes, &tensor);
  if (result == TARN_OK) tarn_instance_write(instance, tensor, data);
  return result;
}

/* ---- saving */

static void content_tensor(void* user, size_t index, tarn_st_tensor* out) {
  tarn_saved_entry(tarn_nth_saved(((const tarn_instance*)user)->program, (uint32_t)index), "", out);
}

static void content_pair(void* user, size_t index, tarn_st_pair* out) {
  tarn_instance_pair((const tarn_instance*)user, index, out);
}

static void content_read(void* user, const tarn_st_tensor* tensor, uint64_t at, void* to, size_t count) {
  tarn_device* device = ((const tarn_instance*)user)->device;
  device->table->read(device, ((const tarn_tensor*)tensor->source)->offset + at, to, count);
}

static void make_content(const tarn_instance* instance, tarn_st_content* content) {
  content->user = (void*)(uintptr_t)instance;
  content->tensor_count = tarn_saved_count(instance->program);
  content->tensor = content_tensor;
  content->pair_count = TARN_INSTANCE_PAIRS;
  content->pair = content_pair;
  content->read = content_read;
}

size_t tarn_save_bytes(const tarn_instance* instance) {
  tarn_st_content content;
  if (instance == NULL || !tarn_is_instance(instance)) return 0;
  make_content(instance, &content);
  return (size_t)tarn_st_size(&content);
}

tarn_result tarn_save(const tarn_instance* instance, tarn_write_function write, void* user) {
  tarn_st_content content;
  if (instance == NULL || write == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  if (!instance->ready) return TARN_ERROR_NOT_READY;
  make_content(instance, &content);
  return tarn_st_save(&content, write, user) == 0 ? TARN_OK : TARN_ERROR_IO;
}

/* ---- loading */

typedef struct loading {
  tarn_instance* instance;
  int64_t step, seed;
  int has_step, has_seed, is_of_model;
} loading;

/* Notes where each of the model's tensors lies: mark[i] = offset in the file. */
static int note_tensor(void* user, const tarn_st_entry* entry) {
  tarn_instance* instance = ((loading*)user)->instance;
  const tarn_program* program = instance->program;
  const tarn_tensor* tensor = tarn_find_tensor(program, entry->name, TARN_PARAM, TARN_SLOT);
  if (tensor == NULL) return 0;
  uint64_t* mark = &instance->mark[tensor - program->tensors];
  if (*mark != 0) return TARN_ERROR_FORMAT; /* listed twice */
  if (strcmp(entry->dtype, tarn_st_dtype_name(tensor->dtype)) != 0 || !tarn_has_shape(tensor, entry))
    return TARN_ERROR_FOREIGN;
  *mark = entry->begin;
  return 0;
}

/* A whole number of 64 bits, all of `text`; returns 0 where it is one. */
static int parse_number(const char* text, int64_t* number) {
  int is_negative = *text == '-';
  uint64_t most = (uint64_t)INT64_MAX + (uint64_t)is_negative, value = 0;
  text += is_negative;
  if (*text == 0) return -1;
  for (; *text != 0; ++text) {
    uint64_t digit = (uint64_t)(*text - '0');
    if (*text < '0' || *text > '9' || value > (most - digit) / 10) return -1;
    value = value * 10 + digit;
  }
  *number = is_negative ? (int64_t)(0 - value) : (int64_t)value;
  return 0;
}

static int note_metadata(void* user, const char* key, const char* value) {
  loading* state = (loading*)user;
  if (strcmp(key, TARN_KEY_HASH) == 0) state->is_of_model = tarn_is_of_model(state->instance->program, value);
  if (strcmp(key, TARN_KEY_STEP) == 0) {
    state->has_step = 1;
    return parse_number(value, &state->step) == 0 ? 0 : TARN_ERROR_FORMAT;
  }
  if (strcmp(key, TARN_KEY_SEED) == 0) {
    state->has_seed = 1;
    return parse_number(value, &state->seed) == 0 ? 0 : TARN_ERROR_FORMAT;
  }
  return 0;
}

/* Counts the tensors of some roles that the file lacks. */
static uint32_t missing(const tarn_instance* instance, uint32_t first_role, uint32_t last_role) {
  const tarn_program* program = instance->program;
  uint32_t count = 0;
  for (uint32_t i = 0; i < program->tensor_count; ++i) {
    uint32_t role = program->tensors[i].role;
    count += role >= first_role && role <= last_role && instance->mark[i] == 0;
  }
  return count;
}

static void forget_marks(tarn_instance* instance) {
  for (uint32_t i = 0; i < instance->program->tensor_count; ++i)
    if (tarn_is_saved(&instance->program->tensors[i])) instance->mark[i] = 0;
}

static tarn_result check_file(loading* state, const tarn_st_source* source) {
  tarn_st_visitor visitor = {state, note_tensor, note_metadata};
  tarn_st_info info;
  int code = tarn_st_scan(source, &visitor, &info);
  if (code == 0) code = tarn_st_check_hash(source, &info);
  switch (info.error_kind) {
    case TARN_ST_UNREADABLE:
      return TARN_ERROR_IO;
    case TARN_ST_MALFORMED:
    case TARN_ST_DAMAGED:
      return TARN_ERROR_FORMAT;
    case TARN_ST_NO_ERROR:
      break;
  }
  if (code != 0) return (tarn_result)code; /* a visitor's */
  return missing(state->instance, TARN_PARAM, TARN_STATE) != 0 ? TARN_ERROR_FOREIGN : TARN_OK;
}

static tarn_result read_tensors(tarn_instance* instance, const tarn_st_source* source, uint32_t last_role) {
  const tarn_program* program = instance->program;
  tarn_device* device = instance->device;
  for (uint32_t i = 0; i < program->tensor_count; ++i) {
    const tarn_tensor* tensor = &program->tensors[i];
    if (tensor->role > last_role || tensor->bytes == 0) continue;
    void* memory = device->table->begin_write(device, tensor->offset, tensor->bytes);
    int code = source->read(source->user, instance->mark[i], memory, (size_t)tensor->bytes);
    device->table->end_write(device, tensor->offset, tensor->bytes);
    if (code != 0) return TARN_ERROR_IO;
  }
  return TARN_OK;
}

tarn_result tarn_load(tarn_instance* instance, tarn_read_function read, void* user, uint64_t file_bytes) {
  if (instance == NULL || read == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  tarn_st_source source = {user, file_bytes, read};
  loading state = {instance, 0, 0, 0, 0, 1};
  forget_marks(instance);
  tarn_result result = check_file(&state, &source);
  if (result == TARN_OK) {
    int goes_on = missing(instance, TARN_SLOT, TARN_SLOT) == 0 && state.has_step && state.has_seed && state.is_of_model;
    if (goes_on) tarn_set_seed(instance, state.seed);
    result = tarn_init(instance); /* makes what the file lacks */
    if (result == TARN_OK) result = read_tensors(instance, &source, goes_on ? TARN_SLOT : TARN_STATE);
    if (result == TARN_OK && goes_on) tarn_instance_set_scalar(instance, TARN_STEP, state.step);
    if (result != TARN_OK) tarn_reset(instance);
  }
  forget_marks(instance);
  return result;
}
