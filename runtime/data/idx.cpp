// IDX files (MNIST's format) -> arrays.
#include "idx.h"

#include "../text.h"

namespace tarn::runtime {

static bool idx_type(unsigned char code, FileType* type) {
  switch (code) {
    case 0x08:
      *type = FileType::U8;
      return true;
    case 0x09:
      *type = FileType::I8;
      return true;
    case 0x0B:
      *type = FileType::I16;
      return true;
    case 0x0C:
      *type = FileType::I32;
      return true;
    case 0x0D:
      *type = FileType::F32;
      return true;
    case 0x0E:
      *type = FileType::F64;
      return true;
    default:
      return false;
  }
}

static Status read_header(ByteSource& source, Array& array) {
  unsigned char word[4] = {};
  Result<size_t> got = source.read(word, 4);
  if (!got) return got.error();
  const char* path = source.path().c_str();
  if (*got < 4) return Error{format("%s: ends after %zu of 4 bytes of the IDX magic", path, *got)};
  if (word[0] != 0 || word[1] != 0 || !idx_type(word[2], &array.type) || word[3] < 1 || word[3] > 8)
    return Error{
        format("%s: byte 0: found %02x%02x%02x%02x, expected an IDX magic such as 00000803 (images) or "
               "00000801 (labels)",
               path, word[0], word[1], word[2], word[3])};
  int rank = word[3];
  for (int axis = 0; axis < rank; ++axis) {
    got = source.read(word, 4);
    if (!got) return got.error();
    if (*got < 4) return Error{format("%s: ends inside the %d sizes of its header (is it cut short?)", path, rank)};
    array.shape.push_back(int64_t{word[0]} << 24 | word[1] << 16 | word[2] << 8 | word[3]);
  }
  return Done{};
}

Result<std::vector<int64_t>> read_idx_shape(const std::string& path) {
  Result<ByteSource> source = ByteSource::open(path);
  if (!source) return source.error();
  Array array;
  if (Status status = read_header(*source, array); !status) return status.error();
  return array.shape;
}

Result<Array> read_idx(const std::string& path) {
  Result<ByteSource> source = ByteSource::open(path);
  if (!source) return source.error();
  Array array;
  if (Status status = read_header(*source, array); !status) return status.error();
  int64_t elements = checked_product(array.shape, 0), width = static_cast<int64_t>(file_type_bytes(array.type));
  int64_t bytes = 0;
  std::string shape = shape_text(array.shape.data(), static_cast<uint32_t>(array.shape.size()));
  if (elements < 0 || array.row_elements() < 0 || __builtin_mul_overflow(elements, width, &bytes))
    return Error{path + ": byte 4: the sizes " + shape + " overflow"};
  if (static_cast<uint64_t>(bytes) > source->most_bytes())
    return Error{format("%s: byte 4: the sizes %s need %lld bytes of data, more than the file holds (is it cut short?)",
                        path.c_str(), shape.c_str(), static_cast<long long>(bytes))};
  if (Status status = source->read_exactly(array.bytes, static_cast<uint64_t>(bytes), "data"); !status)
    return status.error();
  if (Status status = source->expect_end(); !status) return status.error();
  swap_elements(array.bytes, array.type);
  return array;
}

}  // namespace tarn::runtime
