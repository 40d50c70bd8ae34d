/* The contract between generated code and the runtime, in C99.
 *
 * A compiled model is one `tarn_program`: constant tables plus up to four entry points.  All memory of an instance is
 * one arena that the caller owns; every tensor that outlives an entry point (and every input and output) has a fixed
 * place in it, listed in `tensors`.  Entry points read and write the arena and nothing else: they allocate nothing,
 * keep no globals, and may run at the same time on different arenas.
 *
 * The layout of these structs is ABI: codegen/target/cpu/emit/emit_program.cpp writes them field by field.  Append
 * only.
 */
#ifndef TARN_ABI_H
#define TARN_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TARN_ABI_VERSION 1u

/* Element types; values are ABI. */
#ifndef TARN_DTYPE_DEFINED /* embed.h, which users see without this file, defines it too */
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

/* What a tensor of the arena is for; values are ABI. */
enum tarn_role {
  TARN_PARAM = 0,       /* trained by the optimizer; made by init */
  TARN_STATE = 1,       /* a layer's `state` (running statistics): saved, never differentiated; made by init */
  TARN_SLOT = 2,        /* an optimizer's `state` for one parameter, named PARAM.SLOT; made by init */
  TARN_HYPER = 3,       /* f64 scalar, a `hyper` of the source; `initial` is its default */
  TARN_INPUT = 4,       /* one batch of raw data, [B, ...]; the caller fills it before an entry point */
  TARN_STEP = 5,        /* i64 scalar: train steps done before this one; train_step adds one */
  TARN_SEED = 6,        /* i64 scalar: key of every random stream */
  TARN_COUNT = 7,       /* i64 scalar: rows of the batch that are valid, 1..B; rows past it must hold copies of valid
                           rows and change nothing */
  TARN_TOTAL_STEPS = 8, /* i64 scalar: steps of the whole run, for schedules */
  TARN_EPOCH = 9,       /* i64 scalar: the epoch that this step belongs to, from 0 */
  TARN_LOSS = 10,       /* f32 scalar result of train_step and eval_step: mean over the valid rows */
  TARN_METRIC = 11,     /* f32 scalar result of train_step and eval_step: mean over the valid rows */
  TARN_OUTPUT = 12      /* result of predict, [B, ...] */
};

/* Flags of tarn_tensor.reserved; values are ABI. */
enum tarn_tensor_flag {
  TARN_USED_BY_PREDICT = 1,
  TARN_ONLY_BY_PREDICT = 2, /* a generator's noise: train_step and eval_step do not read it */
  TARN_WITHOUT_BATCH = 4    /* an input or output that has no row for each of the batch: it is taken whole */
};

typedef struct tarn_tensor {
  const char* name; /* path as in the source: "fc1.w", "fc1.w.m", "lr", "x", "loss", "accuracy" */
  uint32_t dtype;   /* enum tarn_dtype */
  uint32_t role;    /* enum tarn_role */
  uint32_t rank;
  uint32_t reserved;    /* enum tarn_tensor_flag; where no input is used by predict, it reads the first only */
  const int64_t* shape; /* `rank` sizes; row-major, dense */
  uint64_t offset;      /* bytes from the start of the arena */
  uint64_t bytes;
  double initial; /* TARN_HYPER: the default value; TARN_INPUT: how many classes its numbers stand for, 0..n-1, or 0
                     where they are plain numbers; else 0 */
} tarn_tensor;

/* Loops whose iterations tarn_team tells; a loop further inside is not told apart. */
#define TARN_MAX_LOOPS 4

/* One value that a kernel stores, so that a tool can look at it (profile, search for the first NaN). */
typedef struct tarn_kernel_output {
  const char* name;     /* IR name */
  const char* op;       /* the op that made it, "log" */
  const char* location; /* "mnist.tarn:7:12", or "" where the compiler made it */
  uint32_t dtype;
  uint32_t loop_count; /* loops around the kernel; at most TARN_MAX_LOOPS */
  uint64_t offset;
  uint64_t elements;
  const uint64_t* strides; /* NULL, or by how many bytes it moves with each iteration of each loop, outermost first */
} tarn_kernel_output;

typedef struct tarn_kernel {
  const char* name;    /* "fc1.forward" */
  const char* summary; /* a line per fused op that can turn finite numbers into NaN or infinity: "log at f.tarn:3:9" */
  uint32_t output_count;
  uint32_t reserved;
  const tarn_kernel_output* outputs;
  double flops; /* floating-point operations of one run */
  double bytes; /* bytes read and written, each buffer counted once */
} tarn_kernel;

/* One thread's view of the team that runs an entry point.  Every thread of the team calls the entry point with the
 * same arena and its own tarn_team. */
typedef struct tarn_team {
  uint32_t thread;                         /* 0 .. threads-1 */
  uint32_t threads;                        /* >= 1 */
  void (*barrier)(struct tarn_team* team); /* all threads meet; called only where threads > 1 */
  /* The same for every thread of the team: NULL, or called by thread 0 after kernel number `kernel` of this entry point
   * has ended, while the others wait at a barrier; in a loop, in each iteration. */
  void (*trace)(struct tarn_team* team, uint32_t kernel);
  void* user;
  uint64_t iterations[TARN_MAX_LOOPS]; /* set by the entry point: of the loops that run now, outermost first */
} tarn_team;

/* Returns 0, or 1 where the loss is not finite: then nothing persistent was changed by this call. */
typedef int32_t (*tarn_entry_function)(unsigned char* arena, tarn_team* team);

typedef struct tarn_entry {
  tarn_entry_function run; /* NULL where the model has no such entry point */
  uint32_t kernel_count;
  uint32_t reserved;
  const tarn_kernel* kernels;
} tarn_entry;

typedef struct tarn_program {
  uint32_t struct_size; /* sizeof(tarn_program) of the writer */
  uint32_t abi_version; /* TARN_ABI_VERSION */
  const char* name;     /* "mnist" */
  const char* hash;     /* of the model's parameters, states and slots (names, types): a checkpoint must match */
  const char* cpu;      /* "x86-64-v3": what the code needs, see tarn_cpu_supported */
  const char* version;  /* of the compiler */
  uint64_t arena_bytes;
  uint64_t arena_alignment;  /* 64 */
  uint64_t persistent_bytes; /* the arena's head: every tensor of `tensors`; the rest is scratch */
  uint32_t batch;            /* B */
  uint32_t tensor_count;
  const tarn_tensor* tensors;
  tarn_entry init;       /* fills PARAM, STATE, SLOT from SEED and sets STEP to 0 */
  tarn_entry train_step; /* forward, backward, update; writes LOSS and METRICs */
  tarn_entry eval_step;  /* forward in evaluation mode; writes LOSS and METRICs */
  tarn_entry predict;    /* forward in evaluation mode; writes OUTPUT */
  const char* config;    /* JSON: where data comes from and how to train; schema in runtime/config.h */
} tarn_program;

#ifdef __cplusplus
}
#endif
#endif
