// Files -> bytes: growing memory without zero fill, transparent gunzip, patterns in a directory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "result.h"

namespace tarn::runtime {

// Bytes that grow by realloc (large blocks are remapped, not copied); move only.
class Bytes {
 public:
  Bytes() = default;
  Bytes(Bytes&& other) noexcept;
  Bytes& operator=(Bytes&& other) noexcept;
  ~Bytes();
  unsigned char* data() { return data_; }
  const unsigned char* data() const { return data_; }
  size_t size() const { return size_; }
  [[nodiscard]] bool resize(size_t size);  // false: out of memory
  [[nodiscard]] bool append(const void* bytes, size_t count);

 private:
  unsigned char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// Reads a file from its start, gunzipping where it begins with the gzip magic (several members too).
class ByteSource {
 public:
  static Result<ByteSource> open(const std::string& path);
  ByteSource(ByteSource&&) noexcept;
  ByteSource& operator=(ByteSource&&) noexcept;
  ~ByteSource();

  // Fills `bytes`; fewer only at the end of the file.
  Result<size_t> read(void* bytes, size_t count);
  // Appends exactly `count` bytes to `out`, growing as they come, so that a lying header cannot make it allocate more
  // than the file holds.  Error "ends after N of M bytes of WHAT".
  Status read_exactly(Bytes& out, uint64_t count, const char* what);
  // Appends what is left to `out`.
  Status read_rest(Bytes& out);
  // An error where bytes are left.
  Status expect_end();

  const std::string& path() const { return path_; }
  uint64_t position() const { return position_; }      // in the unpacked bytes
  uint64_t most_bytes() const { return most_bytes_; }  // no more than this can come

 private:
  struct Inflater;
  ByteSource();
  Result<size_t> read_raw(void* bytes, size_t count);
  Result<size_t> read_packed(unsigned char* bytes, size_t count);

  std::string path_;
  int descriptor_ = -1;
  uint64_t position_ = 0;
  uint64_t most_bytes_ = 0;
  std::unique_ptr<Inflater> inflater_;
};

bool is_directory(const std::string& path);
bool file_exists(const std::string& path);
std::string join_path(const std::string& directory, const std::string& name);

// Names in `directory`, sorted; those that begin with a dot are left out.
Result<std::vector<std::string>> list_directory(const std::string& directory);

// Names in `directory` that fit the shell pattern, sorted; a pattern with slashes looks in that directory below it (or,
// from the root, in that one), and the names begin with it. NAME.gz is
// dropped where NAME fits as well, and fits where NAME would.  An error where the directory cannot be read or nothing
// fits (it then names what is there).
Result<std::vector<std::string>> find_files(const std::string& directory, const std::string& pattern);

}  // namespace tarn::runtime
