/* What the embedding API needs of a C library, for programs without one. */

/* [memcpy] */
static void* tarn_memcpy(void* to, const void* from, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) ((unsigned char*)to)[i] = ((const unsigned char*)from)[i];
  return to;
}
#define memcpy tarn_memcpy

/* [memset] */
static void* tarn_memset(void* to, int value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) ((unsigned char*)to)[i] = (unsigned char)value;
  return to;
}
#define memset tarn_memset

/* [memcmp] */
static int tarn_memcmp(const void* a, const void* b, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    const int difference = ((const unsigned char*)a)[i] - ((const unsigned char*)b)[i];
    if (difference != 0) return difference;
  }
  return 0;
}
#define memcmp tarn_memcmp

/* [strlen] */
static size_t tarn_strlen(const char* text) {
  size_t length = 0;
  while (text[length] != 0) ++length;
  return length;
}
#define strlen tarn_strlen

/* [strcmp] */
static int tarn_strcmp(const char* a, const char* b) {
  while (*a != 0 && *a == *b) ++a, ++b;
  return (unsigned char)*a - (unsigned char)*b;
}
#define strcmp tarn_strcmp

/* [strncmp] */
static int tarn_strncmp(const char* a, const char* b, size_t most) {
  for (size_t i = 0; i < most; ++i) {
    if (a[i] != b[i] || a[i] == 0) return (unsigned char)a[i] - (unsigned char)b[i];
  }
  return 0;
}
#define strncmp tarn_strncmp

/* [strchr] */
static char* tarn_strchr(const char* text, int wanted) {
  while (*text != (char)wanted) {
    if (*text++ == 0) return NULL;
  }
  return (char*)(uintptr_t)text;
}
#define strchr tarn_strchr

/* [strcpy] */
static char* tarn_strcpy(char* to, const char* from) {
  size_t i = 0;
  do to[i] = from[i];
  while (from[i++] != 0);
  return to;
}
#define strcpy tarn_strcpy

/* [strtoll] decimal numbers without blanks before them; what is too large ends at the limit */
static long long tarn_strtoll(const char* text, char** end, int base) {
  const char* at = text + (*text == '-' || *text == '+');
  uint64_t number = 0;
  const uint64_t most = *text == '-' ? 0x8000000000000000ull : 0x7FFFFFFFFFFFFFFFull;
  const bool has_digits = *at >= '0' && *at <= '9';
  for (; *at >= '0' && *at <= '9'; ++at) {
    const uint64_t digit = (uint64_t)(*at - '0');
    number = number > (most - digit) / (uint64_t)base ? most : number * (uint64_t)base + digit;
  }
  *end = (char*)(uintptr_t)(has_digits ? at : text);
  if (*text != '-') return (long long)number;
  return number == most ? -0x7FFFFFFFFFFFFFFFll - 1 : -(long long)number;
}
#define strtoll tarn_strtoll

/* [isfinite] */
static int tarn_isfinite(double x) {
  return (tarn_bits64(x) >> 52 & 0x7FFu) != 0x7FFu;
}
#define isfinite tarn_isfinite
