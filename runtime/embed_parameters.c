/* The embedding API's parameters by name, and their way to and from safetensors through the caller's callbacks. */
#include <stdlib.h>
#include <string.h>

#include "embed_internal.h"
#include "safetensors.h"

uint32_t tarn_parameter_count(const tarn_instance* instance) {
  uint32_t count = 0;
  if (instance == NULL || !tarn_is_instance(instance)) return 0;
  for (uint32_t i = 0; i < instance->program->tensor_count; ++i) count += tarn_is_saved(&instance->program->tensors[i]);
  return count;
}

static const tarn_tensor* nth_saved(const tarn_program* program, size_t index) {
  for (uint32_t i = 0; i < program->tensor_count; ++i)
    if (tarn_is_saved(&program->tensors[i]) && index-- == 0) return &program->tensors[i];
  return NULL;
}

tarn_result tarn_parameter(const tarn_instance* instance, uint32_t index, tarn_parameter_info* info) {
  if (instance == NULL || info == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  if (info->struct_size != sizeof *info) return TARN_ERROR_VERSION;
  const tarn_tensor* tensor = nth_saved(instance->program, index);
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
  if (result == TARN_OK) memcpy(data, instance->arena + tensor->offset, bytes);
  return result;
}

tarn_result tarn_set_parameter(tarn_instance* instance, const char* name, const void* data, size_t bytes) {
  const tarn_tensor* tensor = NULL;
  if (instance == NULL || name == NULL || data == NULL) return TARN_ERROR_NULL;
  tarn_result result = find_parameter(instance, name, bytes, &tensor);
  if (result == TARN_OK) memcpy(instance->arena + tensor->offset, data, bytes);
  return result;
}

/* ---- saving */

static void content_tensor(void* user, size_t index, tarn_st_tensor* out) {
  const tarn_instance* instance = (const tarn_instance*)user;
  const tarn_tensor* tensor = nth_saved(instance->program, index);
  out->prefix = "";
  out->name = tensor->name;
  out->dtype = tensor->dtype;
  out->rank = tensor->rank;
  out->shape = tensor->shape;
  out->data = instance->arena + tensor->offset;
  out->bytes = tensor->bytes;
}

static void copy_text(char* to, size_t size, const char* from) {
  size_t length = strlen(from);
  if (length >= size) length = size - 1;
  memcpy(to, from, length);
  to[length] = 0;
}

static void number_text(char* to, int64_t value) {
  char digits[24];
  size_t at = sizeof digits - 1;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  digits[at] = 0;
  do digits[--at] = (char)('0' + rest % 10);
  while ((rest /= 10) != 0);
  if (value < 0) digits[--at] = '-';
  memcpy(to, digits + at, sizeof digits - at);
}

static void content_pair(void* user, size_t index, tarn_st_pair* out) {
  const tarn_instance* instance = (const tarn_instance*)user;
  static const char* const keys[] = {"tarn.format", "tarn.model", "tarn.model_hash", "tarn.step", "tarn.seed"};
  copy_text(out->key, sizeof out->key, keys[index]);
  switch (index) {
    case 0:
      copy_text(out->value, sizeof out->value, "1");
      break;
    case 1:
      copy_text(out->value, sizeof out->value, instance->program->name);
      break;
    case 2:
      copy_text(out->value, sizeof out->value, instance->program->hash);
      break;
    case 3:
      number_text(out->value, tarn_get_scalar(instance, TARN_STEP, 0));
      break;
    default:
      number_text(out->value, instance->seed);
      break;
  }
}

static void make_content(const tarn_instance* instance, tarn_st_content* content) {
  content->user = (void*)(uintptr_t)instance;
  content->tensor_count = tarn_parameter_count(instance);
  content->tensor = content_tensor;
  content->pair_count = 5;
  content->pair = content_pair;
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
  int has_step, has_seed;
} loading;

/* Notes where each of the model's tensors lies: mark[i] = offset in the file. */
static int note_tensor(void* user, const tarn_st_entry* entry) {
  tarn_instance* instance = ((loading*)user)->instance;
  const tarn_program* program = instance->program;
  const tarn_tensor* tensor = tarn_find_tensor(program, entry->name, TARN_PARAM, TARN_SLOT);
  if (tensor == NULL) return 0;
  uint64_t* mark = &instance->mark[tensor - program->tensors];
  if (*mark != 0) return TARN_ERROR_FORMAT; /* listed twice */
  int same = strcmp(entry->dtype, tarn_st_dtype_name(tensor->dtype)) == 0 && entry->rank == tensor->rank;
  for (uint32_t axis = 0; same && axis < entry->rank; ++axis)
    same = entry->shape[axis] == (uint64_t)tensor->shape[axis];
  if (!same) return TARN_ERROR_FOREIGN;
  *mark = entry->begin;
  return 0;
}

static int note_metadata(void* user, const char* key, const char* value) {
  loading* state = (loading*)user;
  int is_step = strcmp(key, "tarn.step") == 0, is_seed = strcmp(key, "tarn.seed") == 0;
  if (!is_step && !is_seed) return 0;
  char* end = NULL;
  int64_t number = strtoll(value, &end, 10);
  if (end == value || *end != 0) return TARN_ERROR_FORMAT;
  if (is_step) state->step = number, state->has_step = 1;
  if (is_seed) state->seed = number, state->has_seed = 1;
  return 0;
}

/* Counts the tensors that the file lacks, and forgets the marks of all saved tensors where asked. */
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
  if (code == TARN_ERROR_FORMAT || code == TARN_ERROR_FOREIGN) return (tarn_result)code;
  if (code != 0 || tarn_st_check_hash(source, &info) != 0)
    return strcmp(info.error, "cannot be read") == 0 ? TARN_ERROR_IO : TARN_ERROR_FORMAT;
  return missing(state->instance, TARN_PARAM, TARN_STATE) != 0 ? TARN_ERROR_FOREIGN : TARN_OK;
}

static tarn_result read_tensors(tarn_instance* instance, const tarn_st_source* source, uint32_t last_role) {
  const tarn_program* program = instance->program;
  for (uint32_t i = 0; i < program->tensor_count; ++i) {
    const tarn_tensor* tensor = &program->tensors[i];
    if (tensor->role > last_role || tensor->bytes == 0) continue;
    if (source->read(source->user, instance->mark[i], instance->arena + tensor->offset, (size_t)tensor->bytes) != 0)
      return TARN_ERROR_IO;
  }
  return TARN_OK;
}

tarn_result tarn_load(tarn_instance* instance, tarn_read_function read, void* user, uint64_t file_bytes) {
  if (instance == NULL || read == NULL) return TARN_ERROR_NULL;
  if (!tarn_is_instance(instance)) return TARN_ERROR_INSTANCE;
  tarn_st_source source = {user, file_bytes, read};
  loading state = {instance, 0, 0, 0, 0};
  forget_marks(instance);
  tarn_result result = check_file(&state, &source);
  if (result == TARN_OK) {
    int all = missing(instance, TARN_SLOT, TARN_SLOT) == 0 && state.has_step && state.has_seed;
    if (all) tarn_set_seed(instance, state.seed);
    result = tarn_init(instance); /* makes what the file lacks */
    if (result == TARN_OK) result = read_tensors(instance, &source, all ? TARN_SLOT : TARN_STATE);
    if (result == TARN_OK && all) tarn_put_scalar(instance, TARN_STEP, state.step);
    if (result != TARN_OK) tarn_reset(instance);
  }
  forget_marks(instance);
  return result;
}
