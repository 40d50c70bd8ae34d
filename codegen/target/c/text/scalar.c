/* Operations of every C program of tarn that are no operators of C.  Each part, from its `[name]` line on, goes into
 * the programs that use the name. */

/* [tarn_bits] */
static inline uint32_t tarn_bits(float x) {
  union {
    float value;
    uint32_t bits;
  } both;
  both.value = x;
  return both.bits;
}

/* [tarn_float] */
static inline float tarn_float(uint32_t bits) {
  union {
    float value;
    uint32_t bits;
  } both;
  both.bits = bits;
  return both.value;
}

/* [tarn_bits64] */
static inline uint64_t tarn_bits64(double x) {
  union {
    double value;
    uint64_t bits;
  } both;
  both.value = x;
  return both.bits;
}

/* [tarn_double] */
static inline double tarn_double(uint64_t bits) {
  union {
    double value;
    uint64_t bits;
  } both;
  both.bits = bits;
  return both.value;
}

/* [tarn_abs_f32] */
static inline float tarn_abs_f32(float x) {
  return tarn_float(tarn_bits(x) & 0x7FFFFFFFu);
}

/* [tarn_abs_f64] */
static inline double tarn_abs_f64(double x) {
  return tarn_double(tarn_bits64(x) & 0x7FFFFFFFFFFFFFFFull);
}

/* [tarn_abs_i32] */
static inline uint32_t tarn_abs_i32(uint32_t x) {
  return x >> 31 ? 0u - x : x;
}

/* [tarn_abs_i64] */
static inline uint64_t tarn_abs_i64(uint64_t x) {
  return x >> 63 ? 0ull - x : x;
}

/* [tarn_signed] the magnitude of one and the sign of the other */
static inline float tarn_signed(float magnitude, float sign) {
  return tarn_float((tarn_bits(magnitude) & 0x7FFFFFFFu) | (tarn_bits(sign) & 0x80000000u));
}

/* [tarn_signed64] */
static inline double tarn_signed64(double magnitude, double sign) {
  const uint64_t top = 0x8000000000000000ull;
  return tarn_double((tarn_bits64(magnitude) & ~top) | (tarn_bits64(sign) & top));
}

/* [tarn_round_f32] half to even: from 2^23 on there are no fractions */
static inline float tarn_round_f32(float x) {
  const float magnitude = tarn_abs_f32(x), rounded = (magnitude + 8388608.0f) - 8388608.0f;
  return magnitude < 8388608.0f ? tarn_signed(rounded, x) : x;
}

/* [tarn_round_f64] */
static inline double tarn_round_f64(double x) {
  const double magnitude = tarn_abs_f64(x), rounded = (magnitude + 4503599627370496.0) - 4503599627370496.0;
  return magnitude < 4503599627370496.0 ? tarn_signed64(rounded, x) : x;
}

/* [tarn_floor_f32] */
static inline float tarn_floor_f32(float x) {
  const float rounded = tarn_round_f32(x), lower = rounded > x ? rounded - 1.0f : rounded;
  return tarn_signed(lower, x);
}

/* [tarn_floor_f64] */
static inline double tarn_floor_f64(double x) {
  const double rounded = tarn_round_f64(x), lower = rounded > x ? rounded - 1.0 : rounded;
  return tarn_signed64(lower, x);
}

/* [tarn_i32_of_f32] toward zero; beyond the range its end; NaN is 0 */
static inline uint32_t tarn_i32_of_f32(float x) {
  const int32_t inside = x > -2147483648.0f && x < 2147483648.0f ? (int32_t)x : 0;
  return x >= 2147483648.0f ? 0x7FFFFFFFu : x <= -2147483648.0f ? 0x80000000u : (uint32_t)inside;
}

/* [tarn_i32_of_f64] */
static inline uint32_t tarn_i32_of_f64(double x) {
  const int32_t inside = x > -2147483649.0 && x < 2147483648.0 ? (int32_t)x : 0;
  return x >= 2147483648.0 ? 0x7FFFFFFFu : x <= -2147483649.0 ? 0x80000000u : (uint32_t)inside;
}

/* [tarn_i64_of_f64] */
static inline uint64_t tarn_i64_of_f64(double x) {
  const int64_t inside = x > -9223372036854775808.0 && x < 9223372036854775808.0 ? (int64_t)x : 0;
  return x >= 9223372036854775808.0    ? 0x7FFFFFFFFFFFFFFFull
         : x <= -9223372036854775808.0 ? 0x8000000000000000ull
                                       : (uint64_t)inside;
}

/* [tarn_i64_of_f32] */
static inline uint64_t tarn_i64_of_f32(float x) {
  return tarn_i64_of_f64((double)x);
}

/* [tarn_div_u8] by zero it is 0 */
static inline uint8_t tarn_div_u8(uint8_t a, uint8_t b) {
  return (uint8_t)(b == 0 ? 0 : a / b);
}

/* [tarn_div_i32] by zero it is 0; the least number by -1 is itself */
static inline uint32_t tarn_div_i32(uint32_t a, uint32_t b) {
  if (b == 0u) return 0u;
  return b == 0xFFFFFFFFu ? 0u - a : (uint32_t)((int32_t)a / (int32_t)b);
}

/* [tarn_div_i64] */
static inline uint64_t tarn_div_i64(uint64_t a, uint64_t b) {
  if (b == 0u) return 0u;
  return b == 0xFFFFFFFFFFFFFFFFull ? 0u - a : (uint64_t)((int64_t)a / (int64_t)b);
}

/* [tarn_is_finite_f32] by its bits: -ffast-math must not answer it */
static inline bool tarn_is_finite_f32(float x) {
  return (tarn_bits(x) & 0x7F800000u) != 0x7F800000u;
}

/* [tarn_is_finite_f64] */
static inline bool tarn_is_finite_f64(double x) {
  return (tarn_bits64(x) >> 52 & 0x7FFu) != 0x7FFu;
}
