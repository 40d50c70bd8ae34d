/* Elementary functions of f32, without branches, so that a C compiler may run them in vectors.  The greatest errors,
 * in units in the last place, stand in docs/c.md; tests/codegen_c measures them. */

/* [tarn_exp_f32] Cephes expf: 2^n * exp(r), |r| <= ln(2)/2 */
static inline float tarn_exp_f32(float x) {
  /* Beyond these the result is 0 or infinity; comparisons with NaN are false, so NaN stays. */
  const float least = x < -104.0f ? -104.0f : x, inside = least > 89.0f ? 89.0f : least;
  /* Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits. */
  const float shifted = inside * 1.44269504088896341f + 12582912.0f, n = shifted - 12582912.0f;
  const float r = (inside - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  /* In two steps: 2^n itself may be no normal number. */
  const uint32_t exponent = tarn_bits(shifted) - 0x4B400000u, half = ((exponent + 256u) >> 1) - 128u;
  return p * tarn_float((half + 127u) << 23) * tarn_float((exponent - half + 127u) << 23);
}

/* [tarn_log_f32] Cephes logf: m * 2^e, m in [sqrt(1/2), sqrt(2)) */
static inline float tarn_log_f32(float x) {
  const bool is_tiny = x < 1.17549435e-38f;
  const uint32_t offset = tarn_bits(is_tiny ? x * 8388608.0f : x) - 0x3F3504F3u;
  const int32_t exponent = (int32_t)((offset + 0x40000000u) >> 23) - (is_tiny ? 151 : 128);
  const float z = tarn_float((offset & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f, e = (float)exponent, square = z * z;
  float p = 7.0376836292e-2f;
  p = p * z - 1.1514610310e-1f;
  p = p * z + 1.1676998740e-1f;
  p = p * z - 1.2420140846e-1f;
  p = p * z + 1.4249322787e-1f;
  p = p * z - 1.6668057665e-1f;
  p = p * z + 2.0000714765e-1f;
  p = p * z - 2.4999993993e-1f;
  p = p * z + 3.3333331174e-1f;
  p = p * z * square - e * 2.12194440e-4f - square * 0.5f;
  const float y = e * 0.693359375f + (z + p);
  const float positive = x < TARN_INFINITY ? y : x; /* infinity and NaN stay */
  return x < 0.0f ? TARN_NAN : x == 0.0f ? -TARN_INFINITY : positive;
}

/* [tarn_log1p_f32] log(u) + (x - (u - 1)) / u, u = 1 + x rounded */
static inline float tarn_log1p_f32(float x) {
  const float u = 1.0f + x, lost = x - (u - 1.0f), logarithm = tarn_log_f32(u);
  const float result = (u > 0.0f && u < TARN_INFINITY) ? logarithm + lost / u : logarithm;
  return x == 0.0f ? x : result; /* keeps -0 */
}

/* [tarn_tanh_f32] Cephes tanhf */
static inline float tarn_tanh_f32(float x) {
  const float magnitude = tarn_abs_f32(x), square = x * x;
  float p = -5.70498872745e-3f;
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  const float small = p * square * x + x;
  const float large = 1.0f - 2.0f / (tarn_exp_f32(magnitude + magnitude) + 1.0f);
  return tarn_signed(magnitude < 0.625f ? small : large, x); /* -0 too */
}

/* [tarn_erf_f32] N. Juffa (forums.developer.nvidia.com, "a faster and more accurate implementation of erff") */
static inline float tarn_erf_f32(float x) {
  const float magnitude = tarn_abs_f32(x), t = magnitude > 4.0f ? 4.0f : magnitude, s = t * t; /* erf(4) rounds to 1 */
  float r = -1.72853470e-5f * t + 3.83197126e-4f;
  r = r * s + (-3.88396438e-3f * t + 2.42546219e-2f);
  r = r * t - 1.06777877e-1f;
  r = r * t - 6.34846687e-1f;
  r = r * t - 1.28717512e-1f;
  r = r * t - t;
  float p = -5.96761703e-4f;
  p = p * s + 4.99119423e-3f;
  p = p * s - 2.67681349e-2f;
  p = p * s + 1.12819925e-1f;
  p = p * s - 3.76125336e-1f;
  p = p * s + 1.28379166e-1f;
  return magnitude > 0.927734375f ? tarn_signed(1.0f - tarn_exp_f32(r), x) : p * x + x;
}

/* [tarn_turn_f32] N. Juffa's polynomials (stackoverflow.com/questions/30463616): sin(q * pi/2 + r), |r| <= pi/4 */
static inline float tarn_turn_f32(uint32_t q, float r) {
  const float s = r * r;
  float sine = 2.86567956e-6f;
  sine = sine * s - 1.98559923e-4f;
  sine = sine * s + 8.33338592e-3f;
  sine = sine * s - 1.66666672e-1f;
  sine = sine * (r * s) + r;
  float cosine = 2.44677067e-5f;
  cosine = cosine * s - 1.38877297e-3f;
  cosine = cosine * s + 4.16666567e-2f;
  cosine = cosine * s - 0.5f;
  cosine = cosine * s + 1.0f;
  const float value = q & 1u ? cosine : sine;
  return q & 2u ? -value : value;
}

/* [tarn_quarters] x = q * pi/2 + r, |r| <= pi/4 or little more; |x| < 1e6.  pi/2 in two parts: q times the first is
 * exact */
static inline double tarn_quarters(double x, uint32_t* q) {
  const double shifted = x * 0.63661977236758134308 + 6755399441055744.0, n = shifted - 6755399441055744.0;
  *q = (uint32_t)tarn_bits64(shifted);
  return (x - n * 1.57079632673412561417) - n * 6.07710050650619224932e-11;
}

/* [tarn_quarters_large] the same by Payne and Hanek for all finite x from 1 on: of the bits of x * 2/pi only those
 * about its point are computed, from 32-bit words of 2/pi */
static double tarn_quarters_large(double x, uint32_t* q) {
  static const uint32_t two_over_pi[] = {0xA2F9836Eu, 0x4E441529u, 0xFC2757D1u, 0xF534DDC0u, 0xDB629599u, 0x3C439041u,
                                         0xFE5163ABu, 0xDEBBC561u, 0xB7246E3Au, 0x424DD2E0u, 0x06492EEAu, 0x09D1921Cu,
                                         0xFE1DEB1Cu, 0xB129A73Eu, 0xE88235F5u, 0x2EBB4484u, 0xE99C7026u, 0xB45F7E41u,
                                         0x3991D639u, 0x835339F4u, 0x9C845F8Bu, 0xBDF9283Bu, 0x1FF897FFu, 0xDE05980Fu,
                                         0xEF2F118Bu, 0x5A0A6D1Fu, 0x6D367ECFu, 0x27CB09B7u, 0x4F463F66u, 0x9E5FEA2Du,
                                         0x7527BAC7u, 0xEBE5F17Bu, 0x3D0739F7u, 0x8A5292EAu, 0x6BFB5FB1u, 0x1F8D5D08u,
                                         0x56033046u, 0xFC7B6BABu, 0xF0CFBC20u, 0x9AF4361Du, 0xA9E39161u, 0x5EE61B08u};
  const uint64_t bits = tarn_bits64(x), mantissa = (bits & 0xFFFFFFFFFFFFFull) | 0x10000000000000ull;
  /* x = mantissa * 2^scale; 2/pi = sum of word[i] * 2^(-32 * (i + 1)).  Words whose product is a multiple of 4 are
   * skipped: one before the point stays. */
  const int scale = (int)(bits >> 52 & 0x7FFu) - 1075, skipped = scale > 34 ? (scale - 34) / 32 + 1 : 0;
  const int first = skipped > 0 ? skipped - 1 : 0;
  uint32_t word[8] = {0}; /* of the product, little end first */
  for (int i = 0; i < 6; ++i) {
    uint64_t low = (mantissa & 0xFFFFFFFFu) * two_over_pi[first + 5 - i] + word[i];
    word[i] = (uint32_t)low;
    low = (mantissa >> 32) * two_over_pi[first + 5 - i] + word[i + 1] + (low >> 32);
    word[i + 1] = (uint32_t)low;
    word[i + 2] = (uint32_t)(low >> 32);
  }
  /* The product is word * 2^(scale - 32 * (first + 6)): its point stands at bit `point`. */
  const int point = 32 * (first + 6) - scale, at = point / 32, shift = point % 32;
  const uint64_t high = (uint64_t)(at + 1 < 8 ? word[at + 1] : 0u) << 32 | (at < 8 ? word[at] : 0u);
  const uint64_t low = (uint64_t)word[at - 1] << 32 | word[at - 2];
  uint32_t quarter = (uint32_t)(high >> shift);
  uint64_t fraction = shift == 0 ? low : (uint64_t)word[at] << (64 - shift) | low >> shift;
  bool is_below = false;
  if (fraction >> 63) {
    ++quarter;
    fraction = 0u - fraction;
    is_below = true;
  }
  const double r = (double)fraction * (1.57079632679489661923 / 18446744073709551616.0);
  *q = bits >> 63 ? 0u - quarter : quarter;
  return (bits >> 63 ? 1 : 0) != (is_below ? 1 : 0) ? -r : r;
}

/* [tarn_sin_f32] */
static inline float tarn_sin_f32(float x) {
  uint32_t q;
  if (!(tarn_abs_f32(x) < TARN_INFINITY)) return TARN_NAN;
  const double r = tarn_abs_f32(x) < 1e6f ? tarn_quarters((double)x, &q) : tarn_quarters_large((double)x, &q);
  return x == 0.0f ? x : tarn_turn_f32(q, (float)r);
}

/* [tarn_cos_f32] */
static inline float tarn_cos_f32(float x) {
  uint32_t q;
  if (!(tarn_abs_f32(x) < TARN_INFINITY)) return TARN_NAN;
  const double r = tarn_abs_f32(x) < 1e6f ? tarn_quarters((double)x, &q) : tarn_quarters_large((double)x, &q);
  return tarn_turn_f32(q + 1u, (float)r);
}

/* [tarn_pow_f32] */
static inline float tarn_pow_f32(float x, float y) {
  return (float)tarn_pow_f64((double)x, (double)y);
}
