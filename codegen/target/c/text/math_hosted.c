/* Functions of the C library, for programs that have one. */

/* [TARN_INFINITY] */
#define TARN_INFINITY INFINITY

/* [TARN_NAN] */
#define TARN_NAN NAN

/* [tarn_sqrt_f32] one instruction, and in vectors, where -fno-math-errno says that nobody reads errno */
static inline float tarn_sqrt_f32(float x) {
  return sqrtf(x);
}

/* [tarn_sqrt_f64] */
static inline double tarn_sqrt_f64(double x) {
  return sqrt(x);
}

/* [tarn_fma_f32] */
static inline float tarn_fma_f32(float a, float b, float c) {
  return fmaf(a, b, c);
}

/* [tarn_fma_f64] */
static inline double tarn_fma_f64(double a, double b, double c) {
  return fma(a, b, c);
}

/* [tarn_exp_f64] */
static inline double tarn_exp_f64(double x) {
  return exp(x);
}

/* [tarn_log_f64] */
static inline double tarn_log_f64(double x) {
  return log(x);
}

/* [tarn_log1p_f64] */
static inline double tarn_log1p_f64(double x) {
  return log1p(x);
}

/* [tarn_tanh_f64] */
static inline double tarn_tanh_f64(double x) {
  return tanh(x);
}

/* [tarn_erf_f64] */
static inline double tarn_erf_f64(double x) {
  return erf(x);
}

/* [tarn_sin_f64] */
static inline double tarn_sin_f64(double x) {
  return sin(x);
}

/* [tarn_cos_f64] */
static inline double tarn_cos_f64(double x) {
  return cos(x);
}

/* [tarn_pow_f64] */
static inline double tarn_pow_f64(double x, double y) {
  return pow(x, y);
}
