/* Errors of the elementary functions that C programs carry, against the C library's f64 functions, over all exponents,
 * and their special values.  For freestanding programs those of f64 too. */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In a program each part stands behind those that it needs. */
static double tarn_pow_f64(double x, double y);
static double tarn_exp_f64(double x);
#define inline
#include "scalar.c"
#undef TARN_INFINITY
#undef TARN_NAN
#define TARN_INFINITY INFINITY
#define TARN_NAN NAN
#include "math_f32.c"
#undef TARN_INFINITY
#undef TARN_NAN
#include TARN_MATH
#undef inline

static int failures;

/* In units in the last place of the exact value, `digits` of them in the significand. */
static double error_in_ulp(double got, double exact, int digits, int least_exponent) {
  int exponent;
  if (isnan(exact)) return isnan(got) ? 0 : HUGE_VAL;
  if (got == exact || (isinf(exact) && isinf(got) && (exact > 0) == (got > 0))) return 0;
  if (isinf(got) || isinf(exact)) {
    /* At the edge of overflow the exact value may round either way. */
    const double edge = digits == 24 ? 3.4028235e38 : 1.797693134862315e308;
    return fabs(exact) >= edge * 0.9999999 && fabs(got) >= edge * 0.9999999 ? 0 : HUGE_VAL;
  }
  (void)frexp(exact, &exponent);
  if (exponent < least_exponent) exponent = least_exponent;
  return fabs(got - exact) / ldexp(1.0, exponent - digits);
}

typedef struct function {
  const char* name;
  float (*single_precision)(float);
  double (*double_precision)(double);
  double (*exact)(double);
  double single_ulp, double_ulp; /* as docs/c.md states */
  double greatest;               /* |x| up to which double_ulp holds */
} function;

static double library_sqrt(double x) {
  return sqrt(x);
}
static double library_floor(double x) {
  return floor(x);
}
static double library_round(double x) {
  return nearbyint(x);
}

static const function functions[] = {
    {"exp", tarn_exp_f32, tarn_exp_f64, exp, 0.97, 1.1, HUGE_VAL},
    {"log", tarn_log_f32, tarn_log_f64, log, 0.83, 1.1, HUGE_VAL},
    {"log1p", tarn_log1p_f32, tarn_log1p_f64, log1p, 1.5, 2, HUGE_VAL},
    {"tanh", tarn_tanh_f32, tarn_tanh_f64, tanh, 1.3, 4, HUGE_VAL},
    {"erf", tarn_erf_f32, tarn_erf_f64, erf, 1.1, 20, HUGE_VAL},
    {"sin", tarn_sin_f32, tarn_sin_f64, sin, 1.5, 2, 1e5},
    {"cos", tarn_cos_f32, tarn_cos_f64, cos, 1.5, 2, 1e5},
    {"sqrt", tarn_sqrt_f32, tarn_sqrt_f64, library_sqrt, 0.5, 0.5, HUGE_VAL},
    {"floor", tarn_floor_f32, tarn_floor_f64, library_floor, 0, 0, HUGE_VAL},
    {"round", tarn_round_f32, tarn_round_f64, library_round, 0, 0, HUGE_VAL},
};

static void report(const char* name, const char* type, double worst, double place, double allowed) {
  printf("%s of %s: %.2f ulp at %.17g\n", name, type, worst, place);
  if (!(worst <= allowed)) {
    printf("  more than the %.2f that are stated\n", allowed);
    ++failures;
  }
}

static void check_f32(const function* f) {
  double worst = 0, place = 0;
  for (uint64_t bits = 0; bits < 1ull << 32; bits += 2003) {
    const float x = tarn_float((uint32_t)bits);
    const double exact = f->exact((double)x), error = error_in_ulp((double)f->single_precision(x), exact, 24, -125);
    if (error > worst) worst = error, place = (double)x;
  }
  report(f->name, "f32", worst, place, f->single_ulp);
}

static void check_f64(const function* f) {
  double worst = 0, place = 0;
  uint64_t state = 1;
  for (int n = 0; n < 400000; ++n) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    const double x =
        n % 2 ? tarn_double(state) : ((double)(state >> 11) / 9007199254740992.0 - 0.5) * (n % 4 ? 20 : 1500);
    if (!(fabs(x) <= f->greatest) && !isnan(x)) continue;
    const double error = error_in_ulp(f->double_precision(x), f->exact(x), 53, -1021);
    if (error > worst) worst = error, place = x;
  }
  report(f->name, "f64", worst, place, f->double_ulp);
}

static void check_special(const function* f) {
  static const double values[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e22, 1e-310};
  for (size_t i = 0; i < sizeof values / sizeof *values; ++i) {
    const double x = values[i], exact = f->exact(x);
    const double got[] = {(double)f->single_precision((float)x), f->double_precision(x)};
    for (int k = 0; k < 2; ++k) {
      const double wanted = k == 0 ? f->exact((double)(float)x) : exact;
      const bool is_same = isnan(wanted) ? isnan(got[k]) : signbit(wanted) == signbit(got[k]);
      const double error = error_in_ulp(got[k], wanted, k == 0 ? 24 : 53, k == 0 ? -125 : -1021);
      if (is_same && error <= 20) continue;
      printf("%s(%g) of f%d is %g instead of %g\n", f->name, x, k == 0 ? 32 : 64, got[k], wanted);
      ++failures;
    }
  }
}

static void check_power(void) {
  static const double bases[] = {0.0, -0.0, 1, -1, 2, -2, INFINITY, -INFINITY, NAN, 0.5, -0.5, 0.9, 0.999, 1e-310};
  static const double exponents[] = {
      0.0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, INFINITY, -INFINITY, NAN, 1000, 1e301, -1e301, 4503599627370497.0,
      1073};
  for (size_t i = 0; i < sizeof bases / sizeof *bases; ++i) {
    for (size_t k = 0; k < sizeof exponents / sizeof *exponents; ++k) {
      const double exact = pow(bases[i], exponents[k]), got = tarn_pow_f64(bases[i], exponents[k]);
      const bool is_same = isnan(exact) ? isnan(got) : signbit(exact) == signbit(got);
      if (is_same && error_in_ulp(got, exact, 53, -1021) <= 16) continue;
      printf("pow(%g, %g) is %.17g instead of %.17g\n", bases[i], exponents[k], got, exact);
      ++failures;
    }
  }
}

static void check_fma(void) {
  uint64_t state = 1;
  for (int n = 0; n < 1000000; ++n) {
    float x[3];
    for (int i = 0; i < 3; ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      const uint32_t exponent = 100u + (uint32_t)(state >> 33) % 50u;
      x[i] = tarn_float(((uint32_t)(state >> 40) & 0x807FFFFFu) | exponent << 23);
    }
    if (tarn_fma_f32(x[0], x[1], x[2]) == fmaf(x[0], x[1], x[2])) continue;
    printf("fma(%.9g, %.9g, %.9g) is not rounded once\n", (double)x[0], (double)x[1], (double)x[2]);
    if (++failures > 10) return;
  }
}

int main(void) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; ++i) {
    check_f32(&functions[i]);
    check_f64(&functions[i]);
    check_special(&functions[i]);
  }
  check_power();
  check_fma();
  return failures != 0;
}
