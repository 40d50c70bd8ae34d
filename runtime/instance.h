/* One instance of a compiled model: its program, the device that holds its arena, and what the host knows about it.  The
 * compiled program and the embedding API both stand on this. */
#ifndef TARN_INSTANCE_H
#define TARN_INSTANCE_H

#include "device.h"
#include "embed.h"
#include "tarn_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TARN_INSTANCE_MAGIC 0x6e726174u /* "tarn" */

struct tarn_instance {
  uint32_t magic;
  uint32_t ready; /* parameters are made */
  const tarn_program* program;
  tarn_device* device;
  uint64_t* mark; /* by tensor; of an input: rows that are set; of a saved tensor: scratch of tarn_load */
  int64_t seed;   /* what SEED and TOTAL_STEPS hold, where the program has them */
  int64_t total_steps;
  uint64_t rows;                      /* what COUNT says; 0: not known */
  uint32_t first_input, end_input;    /* all inputs lie in this range of the program's tensors */
  uint32_t predict_names_its_inputs;  /* some input has TARN_USED_BY_PREDICT */
  uint32_t first_of[TARN_OUTPUT + 1]; /* by role: its first tensor; tensor_count where there is none */
};

static inline int tarn_is_instance(const tarn_instance* instance) {
  return instance->magic == TARN_INSTANCE_MAGIC;
}

/* Whether the program's tables can be read here. */
static inline int tarn_is_known_version(const tarn_program* program) {
  return program->abi_version == TARN_ABI_VERSION && program->struct_size >= sizeof(tarn_program);
}

/* Lets the device allocate the arena and resets the instance; `mark` has tensor_count elements.  Errors:
 * TARN_ERROR_VERSION, and TARN_ERROR_SIZE where the device has no such memory. */
tarn_result tarn_instance_make(tarn_instance* instance, const tarn_program* program, tarn_device* device,
                               uint64_t* mark, int64_t seed, int64_t total_steps);

/* Puts the host's scalars and the hypers' defaults into an arena of zeros: no parameters, no inputs. */
void tarn_instance_set_defaults(tarn_instance* instance);

/* ---- tensors */

/* PARAM, STATE and SLOT: what a checkpoint holds; PARAM and STATE are the weights. */
static inline int tarn_is_saved(const tarn_tensor* tensor) {
  return tensor->role <= TARN_SLOT;
}
static inline int tarn_is_weight(const tarn_tensor* tensor) {
  return tensor->role <= TARN_STATE;
}

/* The `index`-th tensor of a role; NULL where there is none. */
const tarn_tensor* tarn_nth_of_role(const tarn_program* program, uint32_t role, uint32_t index);
/* The tensor of that name with first_role <= role <= last_role, or NULL. */
const tarn_tensor* tarn_find_tensor(const tarn_program* program, const char* name, uint32_t first_role,
                                    uint32_t last_role);
/* As tarn_nth_of_role for index 0, at once. */
const tarn_tensor* tarn_instance_first(const tarn_instance* instance, uint32_t role);

/* Whether an input or output has a row for each of the batch. */
static inline int tarn_has_batch(const tarn_tensor* tensor) {
  return (tensor->reserved & TARN_WITHOUT_BATCH) == 0;
}
/* Bytes of one row; of all where there are no rows. */
static inline uint64_t tarn_row_bytes(const tarn_program* program, const tarn_tensor* tensor) {
  return tarn_has_batch(tensor) ? tensor->bytes / program->batch : tensor->bytes;
}
/* Bytes of `rows` rows. */
static inline uint64_t tarn_rows_bytes(const tarn_program* program, const tarn_tensor* tensor, uint64_t rows) {
  return tarn_has_batch(tensor) ? tensor->bytes / program->batch * rows : tensor->bytes;
}

/* All bytes of a tensor, from and to the device. */
void tarn_instance_read(const tarn_instance* instance, const tarn_tensor* tensor, void* to);
void tarn_instance_write(tarn_instance* instance, const tarn_tensor* tensor, const void* from);

/* Scalars of the roles STEP to EPOCH: `otherwise`, or nothing, where the program has none.  COUNT is set by a run. */
int64_t tarn_instance_scalar(const tarn_instance* instance, uint32_t role, int64_t otherwise);
void tarn_instance_set_scalar(tarn_instance* instance, uint32_t role, int64_t value);
/* A scalar of f32 or f64: loss, metric, hyper. */
double tarn_instance_number(const tarn_instance* instance, const tarn_tensor* tensor);

/* ---- a batch */

/* Memory for a whole batch of an input, to fill 1..B rows of; then end_rows copies them over the rows past them, in
 * turn, and the input is set.  The memory ends there.  An input without a batch is filled whole; `rows` says nothing. */
unsigned char* tarn_instance_begin_rows(tarn_instance* instance, const tarn_tensor* input);
void tarn_instance_end_rows(tarn_instance* instance, const tarn_tensor* input, unsigned char* memory, uint64_t rows);

/* Whether all values are classes that there are; plain numbers are.  `bytes` of the input's dtype. */
int tarn_are_classes(const tarn_tensor* input, const void* values, uint64_t bytes);

/* Whether predict reads an input: those that are marked, or the first where none is. */
int tarn_instance_predict_reads(const tarn_instance* instance, const tarn_tensor* input);

/* Runs an entry point: `init` makes the parameters; the others want parameters, and rows of all inputs that they read
 * (TARN_ERROR_INPUT).  `observer` may be NULL. */
tarn_result tarn_instance_run(tarn_instance* instance, const tarn_entry* entry, const tarn_observer* observer);

#ifdef __cplusplus
}
#endif
#endif
