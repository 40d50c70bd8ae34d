/* Named tensors + metadata -> safetensors bytes, in two passes: the first measures and hashes, the second writes. */
#include <string.h>

#include "hash.h"
#include "safetensors.h"
#include "tarn_abi.h"

typedef struct sink {
  tarn_st_write write; /* NULL: measure and hash only */
  void* user;
  uint64_t count;
  tarn_hash hash;
  int failed;
} sink;

static void put(sink* s, const void* bytes, size_t count) {
  s->count += count;
  if (s->write == NULL) {
    tarn_hash_add(&s->hash, bytes, count);
  } else if (s->failed == 0) {
    s->failed = s->write(s->user, bytes, count);
  }
}

static void put_text(sink* s, const char* text) {
  put(s, text, strlen(text));
}

static void put_number(sink* s, uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + value % 10);
  while ((value /= 10) != 0);
  put(s, digits + at, sizeof digits - at);
}

static void put_hex(sink* s, uint64_t value, int digits) {
  char text[16];
  for (int i = 0; i < digits; ++i) text[i] = "0123456789abcdef"[(value >> (4 * (digits - 1 - i))) & 15];
  put(s, text, (size_t)digits);
}

/* The inside of a JSON string. */
static void put_escaped(sink* s, const char* text) {
  for (; *text != 0; ++text) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      put(s, "\\", 1);
      put(s, text, 1);
    } else if (c < 0x20) {
      put_text(s, "\\u");
      put_hex(s, c, 4);
    } else {
      put(s, text, 1);
    }
  }
}

const char* tarn_st_dtype_name(uint32_t dtype) {
  switch ((enum tarn_dtype)dtype) {
    case TARN_BOOL:
      return "BOOL";
    case TARN_U8:
      return "U8";
    case TARN_I32:
      return "I32";
    case TARN_I64:
      return "I64";
    case TARN_F32:
      return "F32";
    case TARN_F64:
      return "F64";
    case TARN_F16:
      return "F16";
    case TARN_BF16:
      return "BF16";
  }
  return "?";
}

static void put_tensor_entry(sink* s, const tarn_st_tensor* tensor, uint64_t begin) {
  put_text(s, ",\"");
  put_escaped(s, tensor->prefix);
  put_escaped(s, tensor->name);
  put_text(s, "\":{\"dtype\":\"");
  put_text(s, tarn_st_dtype_name(tensor->dtype));
  put_text(s, "\",\"shape\":[");
  for (uint32_t axis = 0; axis < tensor->rank; ++axis) {
    if (axis != 0) put_text(s, ",");
    put_number(s, (uint64_t)tensor->shape[axis]);
  }
  put_text(s, "],\"data_offsets\":[");
  put_number(s, begin);
  put_text(s, ",");
  put_number(s, begin + tensor->bytes);
  put_text(s, "]}");
}

/* The header, padded with spaces so that the data starts at a multiple of 8. */
static void put_header(sink* s, const tarn_st_content* content, uint64_t hash) {
  uint64_t start = s->count, begin = 0;
  put_text(s, "{\"__metadata__\":{\"tarn.hash\":\"");
  put_hex(s, hash, 16);
  put_text(s, "\"");
  for (size_t i = 0; i < content->pair_count; ++i) {
    tarn_st_pair pair;
    content->pair(content->user, i, &pair);
    put_text(s, ",\"");
    put_escaped(s, pair.key);
    put_text(s, "\":\"");
    put_escaped(s, pair.value);
    put_text(s, "\"");
  }
  put_text(s, "}");
  for (size_t i = 0; i < content->tensor_count; ++i) {
    tarn_st_tensor tensor;
    content->tensor(content->user, i, &tensor);
    put_tensor_entry(s, &tensor, begin);
    begin += tensor.bytes;
  }
  put_text(s, "}");
  while ((s->count - start) % 8 != 0) put_text(s, " ");
}

/* A piece at a time: the bytes may be on another device. */
static void put_data(sink* s, const tarn_st_content* content) {
  unsigned char piece[4096];
  for (size_t i = 0; i < content->tensor_count; ++i) {
    tarn_st_tensor tensor;
    content->tensor(content->user, i, &tensor);
    for (uint64_t at = 0; at < tensor.bytes && s->failed == 0;) {
      size_t count = tensor.bytes - at < sizeof piece ? (size_t)(tensor.bytes - at) : sizeof piece;
      content->read(content->user, &tensor, at, piece, count);
      put(s, piece, count);
      at += count;
    }
  }
}

uint64_t tarn_st_size(const tarn_st_content* content) {
  sink s = {0};
  put_header(&s, content, 0);
  for (size_t i = 0; i < content->tensor_count; ++i) {
    tarn_st_tensor tensor;
    content->tensor(content->user, i, &tensor);
    s.count += tensor.bytes;
  }
  return 8 + s.count;
}

int tarn_st_save(const tarn_st_content* content, tarn_st_write write, void* user) {
  sink first = {0};
  tarn_hash_start(&first.hash);
  put_header(&first, content, 0);
  uint64_t header_bytes = first.count;
  put_data(&first, content);

  sink second = {0};
  second.write = write;
  second.user = user;
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) length[i] = (unsigned char)(header_bytes >> (8 * i));
  put(&second, length, sizeof length);
  put_header(&second, content, tarn_hash_end(&first.hash));
  put_data(&second, content);
  return second.failed;
}
