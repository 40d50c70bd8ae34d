// .npy files <-> arrays.
#include "npy.h"

#include <algorithm>
#include <cstring>

#include "../text.h"

namespace tarn::runtime {

int64_t checked_product(const std::vector<int64_t>& sizes, size_t first_axis) {
  int64_t product = 1;
  for (size_t axis = first_axis; axis < sizes.size(); ++axis)
    if (sizes[axis] < 0 || __builtin_mul_overflow(product, sizes[axis], &product)) return -1;
  return product;
}

int64_t Array::row_elements() const {
  return checked_product(shape, 1);
}

// The value text after 'key': in a dict literal, up to the `,` or `}` outside parentheses; "" where it is not there.
static std::string dict_value(const std::string& dict, const std::string& key) {
  size_t at = dict.find("'" + key + "'");
  if (at == std::string::npos) return "";
  at = dict.find(':', at);
  if (at == std::string::npos) return "";
  size_t begin = dict.find_first_not_of(' ', at + 1);
  if (begin == std::string::npos) return "";
  size_t end = dict[begin] == '(' ? dict.find(')', begin) : dict.find_first_of(",}", begin);
  if (end == std::string::npos) return "";
  if (dict[begin] == '(') ++end;
  std::string value = dict.substr(begin, end - begin);
  while (!value.empty() && value.back() == ' ') value.pop_back();
  return value;
}

static bool parse_descr(const std::string& text, FileType* type, bool* swapped) {
  if (text.size() < 5 || text.front() != '\'' || text.back() != '\'') return false;
  static const char* const kCodes[] = {"b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"};
  std::string code = text.substr(2, text.size() - 3);
  *swapped = text[1] == '>';
  for (size_t i = 0; i < std::size(kCodes); ++i) {
    if (code != kCodes[i]) continue;
    *type = static_cast<FileType>(i);
    return strchr("<>|=", text[1]) != nullptr;
  }
  return false;
}

static bool parse_shape(const std::string& text, std::vector<int64_t>* shape) {
  if (text.size() < 2 || text.front() != '(' || text.back() != ')') return false;
  for (size_t at = 1; at + 1 < text.size();) {
    size_t end = std::min(text.find(',', at), text.size() - 1);
    std::string item = text.substr(at, end - at);
    item.erase(std::remove(item.begin(), item.end(), ' '), item.end());
    int64_t size = 0;
    if (item.empty() && end + 1 == text.size()) break;  // a trailing comma
    if (!parse_int(item, &size) || size < 0) return false;
    shape->push_back(size);
    at = end + 1;
  }
  return true;
}

static Result<std::string> read_header(ByteSource& source) {
  unsigned char start[12] = {};
  Result<size_t> got = source.read(start, 10);
  if (!got) return got.error();
  if (*got < 10 || memcmp(start, "\x93NUMPY", 6) != 0)
    return Error{source.path() + ": byte 0: not an .npy file (expected the magic \\x93NUMPY)"};
  if (start[6] < 1 || start[6] > 3)
    return Error{format("%s: byte 6: .npy version %d, expected 1, 2 or 3", source.path().c_str(), start[6])};
  uint32_t length = start[8] | uint32_t{start[9]} << 8;
  if (start[6] >= 2) {
    got = source.read(start + 10, 2);
    if (!got) return got.error();
    length |= uint32_t{start[10]} << 16 | uint32_t{start[11]} << 24;
  }
  if (length > 1u << 20)
    return Error{
        format("%s: byte 8: a header of %u bytes; more than 1 MiB is not read", source.path().c_str(), length)};
  Bytes header;
  if (Status status = source.read_exactly(header, length, "the header"); !status) return status.error();
  return std::string(reinterpret_cast<char*>(header.data()), header.size());
}

Result<Array> read_npy(const std::string& path) {
  Result<ByteSource> source = ByteSource::open(path);
  if (!source) return source.error();
  Result<std::string> header = read_header(*source);
  if (!header) return header.error();
  Array array;
  bool swapped = false;
  std::string descr = dict_value(*header, "descr"), order = dict_value(*header, "fortran_order");
  if (descr.find('O') != std::string::npos) return Error{path + ": holds pickled Python objects, which are not read"};
  if (!parse_descr(descr, &array.type, &swapped))
    return Error{path + ": dtype " + (descr.empty() ? "missing" : descr) +
                 (descr.find("V2") != std::string::npos ? " is not read (.npy has no bf16: save it as float32)"
                                                        : " is not read; expected a number such as '<f4'")};
  if (order != "False")
    return Error{path + (order == "True" ? ": is in Fortran order; save it with np.ascontiguousarray"
                                         : ": the header lacks fortran_order")};
  if (!parse_shape(dict_value(*header, "shape"), &array.shape))
    return Error{path + ": the header's shape is malformed"};
  if (array.shape.empty()) return Error{path + ": is a scalar; expected [rows, ...]"};
  int64_t elements = checked_product(array.shape, 0), width = static_cast<int64_t>(file_type_bytes(array.type));
  int64_t bytes = 0;
  std::string shape = shape_text(array.shape.data(), static_cast<uint32_t>(array.shape.size()));
  if (elements < 0 || array.row_elements() < 0 || __builtin_mul_overflow(elements, width, &bytes))
    return Error{path + ": the shape " + shape + " overflows"};
  if (static_cast<uint64_t>(bytes) > source->most_bytes())
    return Error{path + ": the shape " + shape + " needs more bytes than the file holds (is it cut short?)"};
  if (Status status = source->read_exactly(array.bytes, static_cast<uint64_t>(bytes), "data"); !status)
    return status.error();
  if (Status status = source->expect_end(); !status) return status.error();
  if (swapped) swap_elements(array.bytes, array.type);
  return array;
}

std::string npy_header(uint32_t dtype, const std::vector<int64_t>& shape) {
  static const char* const kCodes[] = {"|b1", "|u1", "<i4", "<i8", "<f4", "<f8", "<f2"};
  std::string dict = format("{'descr': '%s', 'fortran_order': False, 'shape': (", kCodes[dtype]);
  for (int64_t size : shape) dict += std::to_string(size) + ", ";
  if (shape.size() > 1)
    dict.resize(dict.size() - 2);
  else if (shape.size() == 1)
    dict.pop_back();
  dict += "), }";
  // 10 bytes of magic, version and length; the whole header ends in a newline at a multiple of 64.
  while ((10 + dict.size() + 1) % 64 != 0) dict += ' ';
  dict += '\n';
  std::string header = "\x93NUMPY";
  header += '\x01';
  header += '\0';
  header += static_cast<char>(dict.size() & 255);
  header += static_cast<char>(dict.size() >> 8);
  return header + dict;
}

}  // namespace tarn::runtime
