/* What is the same in every file that an instance is saved to: its tensors and five lines of metadata. */
#ifndef TARN_INSTANCE_FILE_H
#define TARN_INSTANCE_FILE_H

#include "instance.h"
#include "safetensors.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TARN_KEY_FORMAT "tarn.format"
#define TARN_KEY_MODEL "tarn.model"
#define TARN_KEY_HASH "tarn.model_hash"
#define TARN_KEY_STEP "tarn.step"
#define TARN_KEY_SEED "tarn.seed"
#define TARN_FILE_FORMAT "1" /* the value of tarn.format */

#define TARN_INSTANCE_PAIRS 5u
/* Pair `index` of them. */
void tarn_instance_pair(const tarn_instance* instance, size_t index, tarn_st_pair* out);

/* The saved tensors, in the program's order. */
uint32_t tarn_saved_count(const tarn_program* program);
const tarn_tensor* tarn_nth_saved(const tarn_program* program, uint32_t index);
/* As an entry of a file, under PREFIX and its name; `source` is the tensor. */
void tarn_saved_entry(const tarn_tensor* tensor, const char* prefix, tarn_st_tensor* out);

/* Whether a file's entry has the tensor's shape. */
int tarn_has_shape(const tarn_tensor* tensor, const tarn_st_entry* entry);

/* Whether a file with this tarn.model_hash ("" where it has none, as those of other tools) was saved by this very model:
 * its step and optimizer slots then mean the same here. */
int tarn_is_of_model(const tarn_program* program, const char* model_hash);

#ifdef __cplusplus
}
#endif
#endif
