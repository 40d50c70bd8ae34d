// CIFAR-10 binary files -> a table whose columns lie in the files' records.
#include "cifar.h"

#include "../text.h"

namespace tarn::runtime {

using Big = long long;

static constexpr uint64_t kLabelBytes = 1, kImageBytes = uint64_t{3} * 32 * 32,
                          kRecordBytes = kLabelBytes + kImageBytes;

static Status read_records(const std::string& path, Bytes& block) {
  Result<ByteSource> source = ByteSource::open(path);
  if (!source) return source.error();
  size_t before = block.size();
  if (Status status = source->read_rest(block); !status) return status;
  uint64_t bytes = block.size() - before;
  if (bytes == 0) return Error{path + ": holds no rows"};
  if (bytes % kRecordBytes != 0)
    return Error{
        format("%s: %llu bytes are no whole number of CIFAR-10 records of %llu bytes (a label and 3x32x32 "
               "pixels): %llu are left over (is it cut short?)",
               path.c_str(), static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(kRecordBytes),
               static_cast<unsigned long long>(bytes % kRecordBytes))};
  return Done{};
}

static Status check_labels(const std::string& path, const unsigned char* records, uint64_t count, int64_t classes) {
  for (uint64_t row = 0; classes > 0 && row < count; ++row) {
    int label = records[row * kRecordBytes];
    if (label >= classes)
      return Error{format("%s: row %llu: label %d is not one of the %lld classes 0..%lld", path.c_str(),
                          static_cast<unsigned long long>(row), label, static_cast<Big>(classes),
                          static_cast<Big>(classes - 1))};
  }
  return Done{};
}

static Status check_input(const CifarInput& input, int64_t batch) {
  int64_t wanted = element_count(*input.tensor) / batch;
  int64_t found = static_cast<int64_t>(input.is_label ? kLabelBytes : kImageBytes);
  if (wanted == found && input.tensor->dtype == TARN_U8) return Done{};
  return Error{format("a row of CIFAR-10 is %s of %lld bytes, but input `%s` takes %lld values of %s",
                      input.is_label ? "a label" : "an image [3,32,32]", static_cast<Big>(found), input.tensor->name,
                      static_cast<Big>(wanted), dtype_name(input.tensor->dtype))};
}

Status read_cifar(const std::vector<std::string>& paths, const std::vector<CifarInput>& inputs, int64_t batch,
                  Table& table) {
  for (const CifarInput& input : inputs)
    if (Status status = check_input(input, batch); !status) return status;
  Bytes block;
  for (const std::string& path : paths) {
    size_t before = block.size();
    if (Status status = read_records(path, block); !status) return status;
    for (const CifarInput& input : inputs) {
      if (!input.is_label) continue;
      uint64_t count = (block.size() - before) / kRecordBytes;
      if (Status status = check_labels(path, block.data() + before, count, input.classes); !status) return status;
    }
  }
  table.rows = static_cast<int64_t>(block.size() / kRecordBytes);
  if (table.rows > static_cast<int64_t>(UINT32_MAX)) return Error{paths[0] + ": more than 2^32 rows"};
  table.blocks.push_back(std::move(block));
  const unsigned char* first = table.blocks.back().data();
  for (const CifarInput& input : inputs)
    table.columns.push_back({input.tensor, input.is_label ? kLabelBytes : kImageBytes, kRecordBytes,
                             input.is_label ? first : first + kLabelBytes});
  return Done{};
}

}  // namespace tarn::runtime
