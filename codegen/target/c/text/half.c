/* The 16-bit floats: f16 is IEEE 754 binary16, bf16 the upper half of an f32.  Rounding is to nearest, half to even, beyond
 * the largest number to infinity. */

/* [tarn_value_f16] a subnormal is 2^-14 plus it, less 2^-14 */
static inline float tarn_value_f16(uint16_t bits) {
  const uint32_t sign = (uint32_t)(bits & 0x8000u) << 16, fields = (uint32_t)(bits & 0x7FFFu) << 13;
  const uint32_t normal = fields + 0x38000000u, special = fields + 0x70000000u;
  const uint32_t small = tarn_bits(tarn_float(fields + 0x38800000u) - tarn_float(0x38800000u));
  return tarn_float(sign | (fields < 0x00800000u ? small : fields < 0x0F800000u ? normal : special));
}

/* [tarn_value_bf16] */
static inline float tarn_value_bf16(uint16_t bits) {
  return tarn_float((uint32_t)bits << 16);
}

/* [tarn_round_f16_f32] below the least normal number the last place is that of 0.5 */
static inline float tarn_round_f16_f32(float x) {
  const uint32_t bits = tarn_bits(x);
  const float magnitude = tarn_abs_f32(x), small = (magnitude + 0.5f) - 0.5f;
  const float normal = tarn_abs_f32(tarn_float((bits + 0xFFFu + (bits >> 13 & 1u)) & ~0x1FFFu));
  const float rounded = normal >= 65536.0f ? TARN_INFINITY : normal;
  return x == x ? tarn_signed(magnitude < 6.103515625e-05f ? small : rounded, x) : TARN_NAN;
}

/* [tarn_round_f16_f64] */
static inline double tarn_round_f16_f64(double x) {
  const uint64_t bits = tarn_bits64(x), dropped = 0x3FFFFFFFFFFull;
  const double magnitude = tarn_abs_f64(x), small = (magnitude + 268435456.0) - 268435456.0;
  const double normal = tarn_abs_f64(tarn_double((bits + (dropped >> 1) + (bits >> 42 & 1u)) & ~dropped));
  const double rounded = normal >= 65536.0 ? (double)TARN_INFINITY : normal;
  return x == x ? tarn_signed64(magnitude < 6.103515625e-05 ? small : rounded, x) : (double)TARN_NAN;
}

/* [tarn_round_bf16_f32] */
static inline float tarn_round_bf16_f32(float x) {
  const uint32_t bits = tarn_bits(x);
  return x == x ? tarn_float((bits + 0x7FFFu + (bits >> 16 & 1u)) & ~0xFFFFu) : TARN_NAN;
}

/* [tarn_round_bf16_f64] below the least normal number, 2^-126, the last place is that of 2^-81 */
static inline double tarn_round_bf16_f64(double x) {
  const uint64_t bits = tarn_bits64(x), dropped = 0x1FFFFFFFFFFFull;
  const double large = 4.1359030627651384e-25;
  const double magnitude = tarn_abs_f64(x), small = (magnitude + large) - large;
  const double normal = tarn_abs_f64(tarn_double((bits + (dropped >> 1) + (bits >> 45 & 1u)) & ~dropped));
  const double rounded = normal >= 3.4028236692093846e+38 ? (double)TARN_INFINITY : normal;
  return x == x ? tarn_signed64(magnitude < 1.1754943508222875e-38 ? small : rounded, x) : (double)TARN_NAN;
}

/* [tarn_bits_f16] of the nearest number */
static inline uint16_t tarn_bits_f16(float x) {
  const uint32_t bits = tarn_bits(tarn_round_f16_f32(x)), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
  const uint32_t normal = (magnitude - 0x38000000u) >> 13;
  const uint32_t small = tarn_bits(tarn_float(magnitude) + 0.5f) - 0x3F000000u;
  const uint32_t finite = magnitude < 0x38800000u ? small : normal;
  return (uint16_t)(sign | (magnitude > 0x7F800000u ? 0x7E00u : magnitude == 0x7F800000u ? 0x7C00u : finite));
}

/* [tarn_bits_bf16] */
static inline uint16_t tarn_bits_bf16(float x) {
  return (uint16_t)(tarn_bits(tarn_round_bf16_f32(x)) >> 16);
}
