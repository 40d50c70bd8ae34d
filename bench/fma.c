/* The core's ceiling: f32 multiply-adds in registers, no memory.  step.py runs it beside every sample.
 * Protocol: for each line in, answers "GFLOPS CPU_SHARE" of a few milliseconds of work. */
#include <stdio.h>
#include <time.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
#define CHAINS 12 /* independent sums: more than latency (4-5) times ports (2) */
#define ROUNDS 1000000L

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static lanes multiply_add(long rounds, float factor, float term) {
  const lanes zero = {0}, x = zero + factor, y = zero + term;
  lanes sum[CHAINS], all;
  for (int c = 0; c < CHAINS; ++c) sum[c] = y * (float)c;
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int c = 0; c < CHAINS; ++c) sum[c] = sum[c] * x + y; /* contracted to one fma by -ffp-contract=fast */
  }
  all = sum[0];
  for (int c = 1; c < CHAINS; ++c) all += sum[c];
  return all;
}

int main(void) {
  char line[64];
  volatile float factor = 0.5f, term = 1.0f, sink = 0.0f;
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    const double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    const lanes result = multiply_add(ROUNDS, factor, term);
    const double wall_used = seconds(CLOCK_MONOTONIC) - wall, cpu_used = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    sink += result[0];
    printf("%.3f %.4f\n", 2e-9 * LANES * CHAINS * ROUNDS / wall_used, cpu_used / wall_used);
    fflush(stdout);
  }
  return sink < 0.0f;
}
