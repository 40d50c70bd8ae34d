/* The same functions from arithmetic alone, for programs without a C library. */

/* [TARN_INFINITY] */
#define TARN_INFINITY (1.0f / 0.0f)

/* [TARN_NAN] */
#define TARN_NAN (0.0f / 0.0f)

/* [tarn_sqrt_f32] One instruction, or digit by digit: exact, and so rounded right. */
static float tarn_sqrt_f32(float x) {
#if defined(__wasm__)
  return __builtin_sqrtf(x);
#elif defined(__GNUC__) && ((defined(__ARM_FP) && __ARM_FP & 4) || defined(__riscv_flen) || defined(__SSE__))
  float root; /* GCC's own function calls the library for numbers below 0 */
#if defined(__riscv_flen)
  __asm__("fsqrt.s %0, %1" : "=f"(root) : "f"(x));
#elif defined(__SSE__)
  __asm__("sqrtss %1, %0" : "=x"(root) : "x"(x));
#elif defined(__aarch64__)
  __asm__("fsqrt %s0, %s1" : "=w"(root) : "w"(x));
#else
  __asm__("vsqrt.f32 %0, %1" : "=t"(root) : "t"(x));
#endif
  return root;
#else
  const bool is_tiny = x < 1.17549435e-38f;
  if (!(x > 0.0f) || !(x < TARN_INFINITY)) return x < 0.0f ? TARN_NAN : x;
  const uint32_t bits = tarn_bits(is_tiny ? x * 16777216.0f : x);
  int exponent = (int)(bits >> 23) - 127;
  uint32_t rest = (bits & 0x7FFFFFu) | 0x800000u, root = 0, tried = 0;
  if (exponent % 2 != 0) {
    rest <<= 1;
    --exponent;
  }
  for (uint32_t digit = 1u << 24; digit != 0; digit >>= 1) {
    const uint32_t next = tried + digit;
    rest <<= 1;
    if (next <= rest) {
      tried = next + digit;
      rest -= next;
      root += digit;
    }
  }
  root += rest != 0 ? root & 1u : 0u; /* the last digit is a half */
  return tarn_float((root >> 1) - 0x800000u + ((uint32_t)(exponent / 2 + 127) << 23)) *
         (is_tiny ? 0.000244140625f : 1.0f);
#endif
}

/* [tarn_sqrt_f64] */
static double tarn_sqrt_f64(double x) {
  const bool is_tiny = x < 2.2250738585072014e-308;
  if (!(x > 0.0) || !(x < (double)TARN_INFINITY)) return x < 0.0 ? (double)TARN_NAN : x;
  const uint64_t bits = tarn_bits64(is_tiny ? x * 18014398509481984.0 : x); /* 2^54 */
  int exponent = (int)(bits >> 52) - 1023;
  uint64_t rest = (bits & 0xFFFFFFFFFFFFFull) | 0x10000000000000ull, root = 0, tried = 0;
  if (exponent % 2 != 0) {
    rest <<= 1;
    --exponent;
  }
  for (uint64_t digit = 1ull << 53; digit != 0; digit >>= 1) {
    const uint64_t next = tried + digit;
    rest <<= 1;
    if (next <= rest) {
      tried = next + digit;
      rest -= next;
      root += digit;
    }
  }
  root += rest != 0 ? root & 1u : 0u; /* the last digit is a half */
  return tarn_double((root >> 1) - 0x10000000000000ull + ((uint64_t)(exponent / 2 + 1023) << 52)) *
         (is_tiny ? 7.450580596923828125e-09 : 1.0);
}

/* [tarn_fma_f32] The product is exact in f64; where the sum is not, its last bit tells so, and f32 then rounds right:
 * Boldo and Melquiond, "Emulation of FMA and correctly rounded sums" */
static float tarn_fma_f32(float a, float b, float c) {
  const double product = (double)a * (double)b, sum = product + (double)c;
  const double virtual_c = sum - product, lost = (product - (sum - virtual_c)) + ((double)c - virtual_c);
  uint64_t bits = tarn_bits64(sum);
  const bool is_inexact = lost != 0.0 && lost == lost && sum != 0.0 && (bits & 1u) == 0u;
  if (is_inexact) bits += (lost > 0.0) == (sum > 0.0) ? 1u : ~0ull; /* to the odd neighbour on that side */
  return (float)tarn_double(bits);
}

/* [tarn_fma_f64] Dekker's exact product; within one unit in the last place, not always the nearest */
static double tarn_fma_f64(double a, double b, double c) {
  const double high_a = tarn_double(tarn_bits64(a) & 0xFFFFFFFFF8000000ull), low_a = a - high_a;
  const double high_b = tarn_double(tarn_bits64(b) & 0xFFFFFFFFF8000000ull), low_b = b - high_b;
  const double product = a * b, sum = product + c, virtual_c = sum - product;
  const double lost = ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b;
  const double result = sum + (((product - (sum - virtual_c)) + (c - virtual_c)) + lost);
  return result == result ? result : sum; /* infinities */
}

/* [tarn_scale] x * 2^n, in two steps */
static double tarn_scale(double x, int n) {
  const int half = (n + 2048) / 2 - 1024, rest = n - half;
  return x * tarn_double((uint64_t)(half + 1023) << 52) * tarn_double((uint64_t)(rest + 1023) << 52);
}

/* [tarn_exp_sum] exp(x + y), |y| far below 1: 2^n * exp(r), and the series of exp at |r| <= ln(2)/2 */
static double tarn_exp_sum(double x, double y) {
  if (x != x) return x;
  if (x > 709.8) return (double)TARN_INFINITY;
  if (x < -746.0) return 0.0;
  const double n = tarn_round_f64(x * 1.44269504088896338700);
  const double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10 + y;
  double sum = 1.0;
  for (int k = 14; k >= 1; --k) sum = 1.0 + sum * r / (double)k;
  return tarn_scale(sum, (int)n);
}

/* [tarn_exp_f64] */
static double tarn_exp_f64(double x) {
  return tarn_exp_sum(x, 0.0);
}

/* [tarn_log_sum] log(x) as a sum of two, x positive and finite: m * 2^e, and log(m) = 2 * artanh((m - 1)/(m + 1)) */
static double tarn_log_sum(double x, double* low) {
  int e = 0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984.0; /* 2^54 */
    e = -54;
  }
  const uint64_t offset = tarn_bits64(x) - 0x3FE6A09E667F3BCDull; /* of sqrt(1/2) */
  e += (int)((offset + 0x4000000000000000ull) >> 52) - 1024;
  const double m = tarn_double((offset & 0xFFFFFFFFFFFFFull) + 0x3FE6A09E667F3BCDull), f = m - 1.0, d = m + 1.0;
  /* The quotient, and what its rounding left. */
  const double s = f / d, s_high = tarn_double(tarn_bits64(s) & 0xFFFFFFFFF8000000ull);
  const double d_high = tarn_double(tarn_bits64(d) & 0xFFFFFFFFF8000000ull), d_low = (m - (d_high - 1.0));
  const double left = ((f - s_high * d_high) - s_high * d_low) / d;
  const double square = s * s;
  double series = 0.0;
  for (int k = 25; k >= 3; k -= 2) series = series * square + 2.0 / (double)k;
  const double n = (double)e, high = n * 6.93147180369123816490e-01, first = 2.0 * s_high, sum = high + first;
  const double back = sum - high;
  *low = ((high - (sum - back)) + (first - back)) + (2.0 * left + s * square * series) + n * 1.90821492927058770002e-10;
  return sum;
}

/* [tarn_log_f64] */
static double tarn_log_f64(double x) {
  double low;
  if (x == 0.0) return -(double)TARN_INFINITY;
  if (!(x > 0.0) || !(x < (double)TARN_INFINITY)) return x < 0.0 ? (double)TARN_NAN : x;
  const double high = tarn_log_sum(x, &low);
  return high + low;
}

/* [tarn_log1p_f64] log(u) + (x - (u - 1)) / u, u = 1 + x rounded */
static double tarn_log1p_f64(double x) {
  const double u = 1.0 + x, lost = x - (u - 1.0), logarithm = tarn_log_f64(u);
  if (x == 0.0) return x;
  return u > 0.0 && u < (double)TARN_INFINITY ? logarithm + lost / u : logarithm;
}

/* [tarn_tanh_f64] the continued fraction of Lambert near 0 */
static double tarn_tanh_f64(double x) {
  const double magnitude = tarn_abs_f64(x), square = x * x;
  if (magnitude > 0.6) return tarn_signed64(1.0 - 2.0 / (tarn_exp_f64(magnitude + magnitude) + 1.0), x);
  double fraction = 19.0;
  for (int k = 17; k >= 1; k -= 2) fraction = (double)k + square / fraction;
  return x / fraction;
}

/* [tarn_erf_f64] Up to 2: 2/sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (1 * 3 * .. * (2n+1)), all terms of one sign.
 * Beyond: 1 - erfc, by the continued fraction of Laplace. */
static double tarn_erf_f64(double x) {
  const double magnitude = tarn_abs_f64(x), square = x * x;
  if (!(magnitude < 6.0)) return x == x ? tarn_signed64(1.0, x) : x;
  if (magnitude > 2.0) {
    double fraction = magnitude;
    for (int k = 60; k >= 1; --k) fraction = magnitude + 0.5 * (double)k / fraction;
    return tarn_signed64(1.0 - 0.56418958354775628695 * tarn_exp_f64(-square) / fraction, x);
  }
  double term = x, sum = x;
  for (int k = 3; k < 80; k += 2) {
    term *= 2.0 * square / (double)k;
    sum += term;
  }
  return 1.12837916709551257390 * tarn_exp_f64(-square) * sum;
}

/* [tarn_turn_f64] sin(q * pi/2 + r), |r| <= pi/4: the series */
static double tarn_turn_f64(uint32_t q, double r) {
  const double square = r * r, first = q & 1u ? 1.0 : r;
  double sum = 1.0;
  for (int k = q & 1u ? 17 : 18; k >= 1; k -= 2) sum = 1.0 - sum * square / (double)(k * (k + 1));
  return q & 2u ? -first * sum : first * sum;
}

/* [tarn_sin_f64] */
static double tarn_sin_f64(double x) {
  uint32_t q;
  if (!(tarn_abs_f64(x) < (double)TARN_INFINITY)) return (double)TARN_NAN;
  const double r = tarn_abs_f64(x) < 1e6 ? tarn_quarters(x, &q) : tarn_quarters_large(x, &q);
  return x == 0.0 ? x : tarn_turn_f64(q, r);
}

/* [tarn_cos_f64] */
static double tarn_cos_f64(double x) {
  uint32_t q;
  if (!(tarn_abs_f64(x) < (double)TARN_INFINITY)) return (double)TARN_NAN;
  const double r = tarn_abs_f64(x) < 1e6 ? tarn_quarters(x, &q) : tarn_quarters_large(x, &q);
  return tarn_turn_f64(q + 1u, r);
}

/* [tarn_pow_f64] exp(y * log(x)), the product exact to twice the digits */
static double tarn_pow_f64(double x, double y) {
  if (y == 0.0 || x == 1.0) return 1.0;
  if (x != x || y != y) return x + y;
  const double size = tarn_abs_f64(x), infinity = (double)TARN_INFINITY;
  const bool is_whole = tarn_abs_f64(y) >= 4503599627370496.0 || tarn_round_f64(y) == y;
  const bool is_odd = is_whole && tarn_abs_f64(y) < 9007199254740992.0 && ((uint64_t)tarn_abs_f64(y) & 1u) != 0u;
  const double sign = x < 0.0 || (x == 0.0 && tarn_bits64(x) != 0u) ? (is_odd ? -1.0 : 1.0) : 1.0;
  if (!(size < infinity) || size == 0.0) return sign * ((y > 0.0) == (size == 0.0) ? 0.0 : infinity);
  if (!(tarn_abs_f64(y) < infinity)) return size == 1.0 ? 1.0 : (size > 1.0) == (y > 0.0) ? infinity : 0.0;
  if (x < 0.0 && !is_whole) return (double)TARN_NAN;
  if (tarn_abs_f64(y) > 1e300) return size == 1.0 ? sign : (size > 1.0) == (y > 0.0) ? sign * infinity : sign * 0.0;
  double low;
  const double high = tarn_log_sum(size, &low);
  const double high_l = tarn_double(tarn_bits64(high) & 0xFFFFFFFFF8000000ull), low_l = (high - high_l) + low;
  const double high_y = tarn_double(tarn_bits64(y) & 0xFFFFFFFFF8000000ull), low_y = y - high_y;
  const double product = high_l * high_y, rest = high_l * low_y + low_l * y;
  const double sum = product + rest;
  return sign * tarn_exp_sum(sum, rest - (sum - product));
}
