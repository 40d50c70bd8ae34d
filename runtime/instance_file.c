/* What is the same in every file that an instance is saved to. */
#include "instance_file.h"

#include <string.h>

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

void tarn_instance_pair(const tarn_instance* instance, size_t index, tarn_st_pair* out) {
  static const char* const keys[TARN_INSTANCE_PAIRS] = {TARN_KEY_FORMAT, TARN_KEY_MODEL, TARN_KEY_HASH, TARN_KEY_STEP,
                                                        TARN_KEY_SEED};
  const tarn_program* program = instance->program;
  copy_text(out->key, sizeof out->key, keys[index]);
  if (index == 0) copy_text(out->value, sizeof out->value, TARN_FILE_FORMAT);
  if (index == 1) copy_text(out->value, sizeof out->value, program->name);
  if (index == 2) copy_text(out->value, sizeof out->value, program->hash);
  if (index == 3) number_text(out->value, tarn_instance_scalar(instance, TARN_STEP, 0));
  if (index == 4) number_text(out->value, instance->seed);
}

uint32_t tarn_saved_count(const tarn_program* program) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < program->tensor_count; ++i) count += (uint32_t)tarn_is_saved(&program->tensors[i]);
  return count;
}

const tarn_tensor* tarn_nth_saved(const tarn_program* program, uint32_t index) {
  for (uint32_t i = 0; i < program->tensor_count; ++i)
    if (tarn_is_saved(&program->tensors[i]) && index-- == 0) return &program->tensors[i];
  return NULL;
}

void tarn_saved_entry(const tarn_tensor* tensor, const char* prefix, tarn_st_tensor* out) {
  out->prefix = prefix;
  out->name = tensor->name;
  out->dtype = tensor->dtype;
  out->rank = tensor->rank;
  out->shape = tensor->shape;
  out->bytes = tensor->bytes;
  out->source = tensor;
}

int tarn_has_shape(const tarn_tensor* tensor, const tarn_st_entry* entry) {
  int same = entry->rank == tensor->rank;
  for (uint32_t axis = 0; same && axis < entry->rank; ++axis)
    same = entry->shape[axis] == (uint64_t)tensor->shape[axis];
  return same;
}

int tarn_is_of_model(const tarn_program* program, const char* model_hash) {
  return model_hash[0] == 0 || strcmp(model_hash, program->hash) == 0;
}
