/* Embedding API of a compiled model: train and run it inside any C or C++ program.
 *
 * An instance lives in one block of memory that you own; nothing is allocated, no global is kept, nothing is printed.
 * Any number of instances of any number of models may live in one process; one instance must not be used by two
 * threads at once.  Every call returns a result code; where it is not TARN_OK nothing was done unless stated. */
#ifndef TARN_EMBED_H
#define TARN_EMBED_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_program;
typedef struct tarn_instance tarn_instance;

typedef enum tarn_result {
  TARN_OK = 0,
  TARN_DIVERGED = 1,         /* the loss is not finite; parameters are as before the step */
  TARN_ERROR_NULL = -1,      /* an argument that must not be NULL is NULL */
  TARN_ERROR_VERSION = -2,   /* struct_size or the program's ABI version is not known here */
  TARN_ERROR_SIZE = -3,      /* a block of memory or data has the wrong number of bytes */
  TARN_ERROR_ALIGNMENT = -4, /* the memory is not aligned as needed */
  TARN_ERROR_NAME = -5,      /* no tensor of that name, index or kind */
  TARN_ERROR_INSTANCE = -6,  /* not an instance, or of another model */
  TARN_ERROR_NOT_READY = -7, /* neither tarn_init nor tarn_load has made the parameters */
  TARN_ERROR_INPUT = -8,     /* an input is not set, or inputs have different numbers of rows */
  TARN_ERROR_NO_ENTRY = -9,  /* the model has no such entry point (a model without `train` cannot train) */
  TARN_ERROR_VALUE = -10,    /* a number is out of range */
  TARN_ERROR_IO = -11,       /* a callback failed */
  TARN_ERROR_FORMAT = -12,   /* not a safetensors file, or damaged */
  TARN_ERROR_FOREIGN = -13   /* the file belongs to another model: a tensor is missing or has another shape */
} tarn_result;

/* One line of English, static. */
const char* tarn_result_text(tarn_result result);

#ifndef TARN_DTYPE_DEFINED
#define TARN_DTYPE_DEFINED
enum tarn_dtype {
  TARN_BOOL = 0,
  TARN_U8 = 1,
  TARN_I32 = 2,
  TARN_I64 = 3,
  TARN_F32 = 4,
  TARN_F64 = 5,
  TARN_F16 = 6, /* IEEE 754 binary16 */
  TARN_BF16 = 7 /* the upper half of an f32 */
};
#endif

/* ---- making an instance */

typedef struct tarn_options {
  size_t struct_size;  /* sizeof(tarn_options) */
  int64_t seed;        /* key of every random stream; 1 without options */
  int64_t total_steps; /* of the whole run, for schedules; 0: not known */
} tarn_options;

/* Bytes and alignment of the memory of one instance. */
size_t tarn_instance_bytes(const struct tarn_program* program);
size_t tarn_instance_alignment(const struct tarn_program* program);

/* Lays an instance out in `memory`, which must stay until the last use; there is nothing to free.  `options` may be
 * NULL.  The parameters are not made yet: call tarn_init or tarn_load. */
tarn_result tarn_create(const struct tarn_program* program, const tarn_options* options, void* memory, size_t bytes,
                        tarn_instance** instance);

/* Makes all parameters, states and optimizer slots from the seed and sets the step to 0. */
tarn_result tarn_init(tarn_instance* instance);

/* As freshly created: parameters not made, hypers at their defaults, inputs not set.  Seed and total steps stay. */
tarn_result tarn_reset(tarn_instance* instance);

/* ---- feeding and running it */

/* Copies 1..B whole rows of raw data into input number `index` (from 0, in the order of the model's inputs); rows past
 * them are filled with copies.  bytes = rows x bytes of one row, or all bytes of an input without a batch.
 * TARN_ERROR_VALUE: a class label is not in 0..classes-1. */
tarn_result tarn_set_input(tarn_instance* instance, uint32_t index, const void* data, size_t bytes);

/* The place of input `index` in the instance, [B, ...], to be filled without a copy; then tarn_set_rows must say how
 * many rows of every input are valid (1..B) before each step; it looks at their class labels too. */
tarn_result tarn_input_memory(tarn_instance* instance, uint32_t index, void** data);
tarn_result tarn_set_rows(tarn_instance* instance, int64_t rows);

tarn_result tarn_set_hyper(tarn_instance* instance, const char* name, double value);
tarn_result tarn_set_seed(tarn_instance* instance, int64_t seed);
tarn_result tarn_set_total_steps(tarn_instance* instance, int64_t steps);
tarn_result tarn_set_epoch(tarn_instance* instance, int64_t epoch);
tarn_result tarn_step(const tarn_instance* instance, int64_t* steps_done);

/* One optimizer step over the rows that are set; *loss (may be NULL) is their mean loss before the update. */
tarn_result tarn_train_step(tarn_instance* instance, float* loss);

/* Loss and metrics of the rows that are set, in evaluation mode; changes no parameter. */
tarn_result tarn_eval_step(tarn_instance* instance, float* loss);

/* The metric `name` of the last train or eval step. */
tarn_result tarn_metric(const tarn_instance* instance, const char* name, float* value);

/* Runs the model on the rows that are set; labels need not be set.  tarn_output then gives output `index`, [B, ...]:
 * *data points into the instance until the next call, *bytes covers the valid rows. */
tarn_result tarn_predict(tarn_instance* instance);
tarn_result tarn_output(const tarn_instance* instance, uint32_t index, const void** data, size_t* bytes);

/* ---- parameters, states and optimizer slots */

typedef struct tarn_parameter_info {
  size_t struct_size; /* sizeof(tarn_parameter_info), set by the caller */
  const char* name;   /* "fc1.w" */
  uint32_t dtype;     /* enum tarn_dtype */
  uint32_t role;      /* 0 parameter, 1 state, 2 optimizer slot */
  uint32_t rank;
  const int64_t* shape;
  size_t bytes;
} tarn_parameter_info;

uint32_t tarn_parameter_count(const tarn_instance* instance);
tarn_result tarn_parameter(const tarn_instance* instance, uint32_t index, tarn_parameter_info* info);
tarn_result tarn_get_parameter(const tarn_instance* instance, const char* name, void* data, size_t bytes);
tarn_result tarn_set_parameter(tarn_instance* instance, const char* name, const void* data, size_t bytes);

/* ---- saving and loading: safetensors, the same files as the compiled program's */

/* Takes `count` bytes in order; returns 0 where all were taken. */
typedef int (*tarn_write_function)(void* user, const void* bytes, size_t count);
/* Gives `count` bytes from `offset` of the file; returns 0 where all were given. */
typedef int (*tarn_read_function)(void* user, uint64_t offset, void* bytes, size_t count);

size_t tarn_save_bytes(const tarn_instance* instance);
tarn_result tarn_save(const tarn_instance* instance, tarn_write_function write, void* user);

/* Checks the whole file first; then parameters and states are replaced, and the optimizer's slots, step and seed where
 * this very model saved the file with all of them (else they are made afresh).  TARN_ERROR_IO in the second half leaves
 * the instance as after tarn_reset. */
tarn_result tarn_load(tarn_instance* instance, tarn_read_function read, void* user, uint64_t file_bytes);

#ifdef __cplusplus
}
#endif
#endif
