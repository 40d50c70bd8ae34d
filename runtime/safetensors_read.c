/* safetensors bytes -> checked entries.  A strict one-pass JSON reader over a small window; hostile input is expected:
 * every number is overflow-checked, every range lies inside the file, and no input makes it recurse or allocate. */
#include <string.h>

#include "hash.h"
#include "safetensors.h"

typedef struct parser {
  const tarn_st_source* source;
  tarn_st_info* info;
  uint64_t at, end; /* file offsets: next byte, end of the header */
  uint64_t window_begin;
  size_t window_size;
  unsigned char window[512];
  char name[TARN_ST_MAX_NAME + 8];
  char text[TARN_ST_MAX_NAME + 8];
} parser;

/* The first error is kept. */
static int refuse(tarn_st_info* info, enum tarn_st_error kind, uint64_t offset, const char* what) {
  if (info->error_kind == TARN_ST_NO_ERROR) {
    info->error_kind = kind;
    info->error = what;
    info->error_offset = offset;
  }
  return -1;
}

static int refuse_unreadable(tarn_st_info* info, uint64_t offset) {
  return refuse(info, TARN_ST_UNREADABLE, offset, "cannot be read");
}

static int fail_at(parser* p, uint64_t offset, const char* what) {
  return refuse(p->info, TARN_ST_MALFORMED, offset, what);
}

static int fail(parser* p, const char* what) {
  return fail_at(p, p->at, what);
}

/* The next byte of the header, or -1 at its end. */
static int peek(parser* p) {
  if (p->at >= p->end) return -1;
  if (p->at < p->window_begin || p->at >= p->window_begin + p->window_size) {
    uint64_t left = p->end - p->at;
    p->window_begin = p->at;
    p->window_size = left < sizeof p->window ? (size_t)left : sizeof p->window;
    if (p->source->read(p->source->user, p->at, p->window, p->window_size) != 0) {
      refuse_unreadable(p->info, p->at);
      p->window_size = 0;
      p->end = p->at;
      return -1;
    }
  }
  return p->window[p->at - p->window_begin];
}

static int next_token(parser* p) {
  int c = peek(p);
  while (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
    ++p->at;
    c = peek(p);
  }
  return c;
}

static int take(parser* p, int wanted, const char* what) {
  if (next_token(p) != wanted) return fail(p, what);
  ++p->at;
  return 0;
}

static int read_hex4(parser* p, uint32_t* value) {
  *value = 0;
  for (int i = 0; i < 4; ++i, ++p->at) {
    int c = peek(p);
    uint32_t digit = 0;
    if (c >= '0' && c <= '9')
      digit = (uint32_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = (uint32_t)(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = (uint32_t)(c - 'A' + 10);
    else
      return fail(p, "the header holds a bad \\u escape");
    *value = *value * 16 + digit;
  }
  return 0;
}

static size_t encode_utf8(uint32_t code, unsigned char* out) {
  if (code < 0x80) return out[0] = (unsigned char)code, 1;
  if (code < 0x800)
    return out[0] = (unsigned char)(0xC0 | (code >> 6)), out[1] = (unsigned char)(0x80 | (code & 63)), 2;
  if (code < 0x10000) {
    out[0] = (unsigned char)(0xE0 | (code >> 12));
    out[1] = (unsigned char)(0x80 | ((code >> 6) & 63));
    out[2] = (unsigned char)(0x80 | (code & 63));
    return 3;
  }
  out[0] = (unsigned char)(0xF0 | (code >> 18));
  out[1] = (unsigned char)(0x80 | ((code >> 12) & 63));
  out[2] = (unsigned char)(0x80 | ((code >> 6) & 63));
  out[3] = (unsigned char)(0x80 | (code & 63));
  return 4;
}

/* After a backslash.  Returns the bytes put to `out`, or 0 on an error. */
static size_t read_escape(parser* p, unsigned char* out) {
  static const char from[] = "\"\\/bfnrt";
  static const char to[] = "\"\\/\b\f\n\r\t";
  int c = peek(p);
  const char* known = c > 0 ? strchr(from, c) : NULL;
  ++p->at;
  if (known != NULL) return out[0] = (unsigned char)to[known - from], 1;
  uint32_t code = 0, low = 0;
  if (c != 'u') return fail(p, "the header holds a bad escape"), 0;
  if (read_hex4(p, &code) != 0) return 0;
  if (code >= 0xD800 && code < 0xDC00) {
    if (peek(p) != '\\') return fail(p, "the header holds half a surrogate pair"), 0;
    ++p->at;
    if (peek(p) != 'u') return fail(p, "the header holds half a surrogate pair"), 0;
    ++p->at;
    if (read_hex4(p, &low) != 0) return 0;
    if (low < 0xDC00 || low > 0xDFFF) return fail(p, "the header holds half a surrogate pair"), 0;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  } else if (code == 0 || (code >= 0xDC00 && code <= 0xDFFF)) {
    return fail(p, "the header holds a bad \\u escape"), 0;
  }
  return encode_utf8(code, out);
}

static int is_utf8(const unsigned char* s) {
  while (*s != 0) {
    if (*s < 0x80) {
      ++s;
      continue;
    }
    int more = *s >= 0xC2 && *s <= 0xDF ? 1 : *s >= 0xE0 && *s <= 0xEF ? 2 : *s >= 0xF0 && *s <= 0xF4 ? 3 : 0;
    if (more == 0) return 0;
    if ((*s == 0xE0 && s[1] < 0xA0) || (*s == 0xED && s[1] > 0x9F)) return 0;
    if ((*s == 0xF0 && s[1] < 0x90) || (*s == 0xF4 && s[1] > 0x8F)) return 0;
    for (int i = 1; i <= more; ++i)
      if ((s[i] & 0xC0) != 0x80) return 0;
    s += more + 1;
  }
  return 1;
}

/* A string of at most TARN_ST_MAX_NAME bytes into `out`; a longer one is an error, or is cut where `may_cut`. */
static int read_string(parser* p, char* out, int may_cut) {
  size_t size = 0;
  int cut = 0;
  if (take(p, '"', "the header lacks a string") != 0) return -1;
  uint64_t start = p->at;
  for (;;) {
    unsigned char bytes[4];
    size_t count = 1;
    int c = peek(p);
    if (c < 0) return fail(p, "the header ends inside a string");
    if (c < 0x20) return fail(p, "the header holds a control character inside a string");
    ++p->at;
    if (c == '"') break;
    bytes[0] = (unsigned char)c;
    if (c == '\\' && (count = read_escape(p, bytes)) == 0) return -1;
    if (size + count > TARN_ST_MAX_NAME) cut = 1;
    if (!cut) memcpy(out + size, bytes, count), size += count;
  }
  out[size] = 0;
  if (cut && !may_cut) return fail_at(p, start, "the header holds a name longer than 1024 bytes");
  if (!cut && !is_utf8((const unsigned char*)out))
    return fail_at(p, start, "the header holds a string that is not UTF-8");
  return 0;
}

static int read_number(parser* p, uint64_t* value) {
  int c = next_token(p);
  if (c < '0' || c > '9') return fail(p, "the header lacks a whole number");
  *value = 0;
  for (; c >= '0' && c <= '9'; c = peek(p)) {
    uint64_t digit = (uint64_t)(c - '0');
    if (*value > (UINT64_MAX - digit) / 10) return fail(p, "the header holds a number above 2^64");
    *value = *value * 10 + digit;
    ++p->at;
  }
  return 0;
}

/* [n, n, ...] of at most `most` numbers. */
static int read_numbers(parser* p, uint64_t* values, uint32_t most, uint32_t* count) {
  *count = 0;
  if (take(p, '[', "the header lacks a `[`") != 0) return -1;
  if (next_token(p) == ']') return ++p->at, 0;
  for (;;) {
    if (*count == most) return fail(p, "the header holds too long a list");
    if (read_number(p, &values[*count]) != 0) return -1;
    ++*count;
    int c = next_token(p);
    if (c != ',' && c != ']') return fail(p, "the header lacks a `,` or `]`");
    ++p->at;
    if (c == ']') return 0;
  }
}

static uint64_t element_bytes(const char* dtype) {
  static const struct {
    const char* name;
    uint64_t bytes;
  } known[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
               {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"I64", 8},     {"U64", 8}, {"F64", 8}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; ++i)
    if (strcmp(known[i].name, dtype) == 0) return known[i].bytes;
  return 0;
}

static int check_entry(parser* p, tarn_st_entry* entry, uint64_t start) {
  uint64_t bytes = element_bytes(entry->dtype), data = p->source->size - p->info->data_offset;
  if (bytes == 0) return fail_at(p, start, "the header names a dtype that is not known");
  for (uint32_t axis = 0; axis < entry->rank; ++axis)
    if (__builtin_mul_overflow(bytes, entry->shape[axis], &bytes))
      return fail_at(p, start, "a tensor's size overflows 64 bits");
  if (entry->begin > entry->end || entry->end > data)
    return fail_at(p, start, "a tensor's data_offsets lie outside the file (is it cut short?)");
  if (entry->end - entry->begin != bytes) return fail_at(p, start, "a tensor's data_offsets do not fit its shape");
  if (__builtin_add_overflow(p->info->tensor_bytes, bytes, &p->info->tensor_bytes))
    return fail_at(p, start, "the tensors' sizes overflow 64 bits");
  entry->begin += p->info->data_offset;
  entry->end += p->info->data_offset;
  return 0;
}

/* {"dtype": .., "shape": .., "data_offsets": ..} in any order, each once. */
static int read_entry(parser* p, const tarn_st_visitor* visitor) {
  tarn_st_entry entry;
  char dtype[16] = "";
  uint64_t offsets[2], start = p->at;
  uint32_t offset_count = 0;
  int seen = 0;
  memset(&entry, 0, sizeof entry);
  if (take(p, '{', "a tensor's entry is not an object") != 0) return -1;
  for (int c = 0; c != '}';) {
    int bit = 0, failed = 0;
    if (read_string(p, p->text, 0) != 0 || take(p, ':', "the header lacks a `:`") != 0) return -1;
    if (strcmp(p->text, "dtype") == 0) {
      bit = 1;
      failed = read_string(p, p->text, 0);
      if (!failed && strlen(p->text) < sizeof dtype) strcpy(dtype, p->text);
    } else if (strcmp(p->text, "shape") == 0) {
      bit = 2;
      failed = read_numbers(p, entry.shape, TARN_ST_MAX_RANK, &entry.rank);
    } else if (strcmp(p->text, "data_offsets") == 0) {
      bit = 4;
      failed = read_numbers(p, offsets, 2, &offset_count);
    }
    if (failed) return -1;
    if (bit == 0 || (seen & bit) != 0) return fail(p, "a tensor's entry holds an unknown or repeated key");
    seen |= bit;
    c = next_token(p);
    if (c != ',' && c != '}') return fail(p, "the header lacks a `,` or `}`");
    ++p->at;
  }
  if (seen != 7 || offset_count != 2) return fail_at(p, start, "a tensor's entry lacks dtype, shape or data_offsets");
  entry.name = p->name;
  entry.dtype = dtype;
  entry.begin = offsets[0];
  entry.end = offsets[1];
  if (check_entry(p, &entry, start) != 0) return -1;
  return visitor->tensor == NULL ? 0 : visitor->tensor(visitor->user, &entry);
}

static int parse_hash(const char* text, uint64_t* hash) {
  *hash = 0;
  if (strlen(text) != 16) return -1;
  for (; *text != 0; ++text) {
    const char* digits = "0123456789abcdef";
    const char* digit = strchr(digits, *text);
    if (digit == NULL) return -1;
    *hash = *hash * 16 + (uint64_t)(digit - digits);
  }
  return 0;
}

static int read_metadata(parser* p, const tarn_st_visitor* visitor) {
  if (take(p, '{', "__metadata__ is not an object") != 0) return -1;
  if (next_token(p) == '}') return ++p->at, 0;
  for (;;) {
    if (read_string(p, p->name, 0) != 0 || take(p, ':', "the header lacks a `:`") != 0) return -1;
    next_token(p);
    uint64_t value_at = p->at + 1;
    if (read_string(p, p->text, 1) != 0) return -1;
    if (strcmp(p->name, "tarn.hash") == 0) {
      /* The digits are stored unescaped: 16 bytes between the quotes. */
      if (p->info->hash_offset != 0 || parse_hash(p->text, &p->info->hash) != 0 || p->at != value_at + 17)
        return fail_at(p, value_at, "tarn.hash is not one string of 16 hex digits");
      p->info->hash_offset = value_at;
    } else if (visitor->metadata != NULL) {
      int code = visitor->metadata(visitor->user, p->name, p->text);
      if (code != 0) return code;
    }
    int c = next_token(p);
    if (c != ',' && c != '}') return fail(p, "the header lacks a `,` or `}`");
    ++p->at;
    if (c == '}') return 0;
  }
}

static int read_header(parser* p, const tarn_st_visitor* visitor) {
  int metadata_seen = 0, code = 0;
  if (take(p, '{', "the header is not a JSON object (is this a safetensors file?)") != 0) return -1;
  if (next_token(p) == '}') return ++p->at, 0;
  for (;;) {
    if (read_string(p, p->name, 0) != 0 || take(p, ':', "the header lacks a `:`") != 0) return -1;
    if (strcmp(p->name, "__metadata__") == 0) {
      if (metadata_seen++) return fail(p, "the header holds __metadata__ twice");
      code = read_metadata(p, visitor);
    } else {
      code = read_entry(p, visitor);
    }
    if (code != 0) return code;
    int c = next_token(p);
    if (c != ',' && c != '}') return fail(p, "the header lacks a `,` or `}`");
    ++p->at;
    if (c == '}') return 0;
  }
}

int tarn_st_scan(const tarn_st_source* source, const tarn_st_visitor* visitor, tarn_st_info* info) {
  parser p;
  unsigned char length[8];
  uint64_t header = 0;
  memset(info, 0, sizeof *info);
  p.source = source;
  p.info = info;
  p.at = 8;
  p.window_begin = 0;
  p.window_size = 0;
  if (source->size < 10) return fail_at(&p, 0, "is too short for a safetensors file");
  if (source->read(source->user, 0, length, 8) != 0) return refuse_unreadable(info, 0);
  for (int i = 0; i < 8; ++i) header |= (uint64_t)length[i] << (8 * i);
  if (header > TARN_ST_MAX_HEADER) return fail_at(&p, 0, "claims a header above 100 MB (is this a safetensors file?)");
  if (header > source->size - 8) return fail_at(&p, 0, "claims a header longer than the file (is it cut short?)");
  p.end = 8 + header;
  info->data_offset = p.end;
  int code = read_header(&p, visitor);
  if (code != 0) return code;
  if (next_token(&p) >= 0) return fail(&p, "the header goes on after its object");
  if (info->error_kind != TARN_ST_NO_ERROR) return -1;
  uint64_t data = source->size - info->data_offset;
  if (info->tensor_bytes > data) return fail_at(&p, info->data_offset, "tensors overlap");
  if (info->tensor_bytes < data) return fail_at(&p, info->data_offset, "holds bytes that belong to no tensor");
  return 0;
}

int tarn_st_check_hash(const tarn_st_source* source, tarn_st_info* info) {
  unsigned char bytes[4096];
  tarn_hash hash;
  if (info->hash_offset == 0) return 0;
  tarn_hash_start(&hash);
  for (uint64_t at = 8; at < source->size;) {
    size_t count = source->size - at < sizeof bytes ? (size_t)(source->size - at) : sizeof bytes;
    if (source->read(source->user, at, bytes, count) != 0) return refuse_unreadable(info, at);
    for (uint64_t i = info->hash_offset; i < info->hash_offset + 16; ++i)
      if (i >= at && i < at + count) bytes[i - at] = '0';
    tarn_hash_add(&hash, bytes, count);
    at += count;
  }
  if (tarn_hash_end(&hash) == info->hash) return 0;
  return refuse(info, TARN_ST_DAMAGED, info->hash_offset,
                "does not fit its own checksum (tarn.hash): it was damaged or edited");
}
