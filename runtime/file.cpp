// Files -> bytes: growing memory without zero fill, transparent gunzip, patterns in a directory.
#include "file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "text.h"

namespace tarn::runtime {

Bytes::Bytes(Bytes&& other) noexcept {
  *this = std::move(other);
}

Bytes& Bytes::operator=(Bytes&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

Bytes::~Bytes() {
  free(data_);
}

bool Bytes::resize(size_t size) {
  if (size > capacity_) {
    size_t capacity = std::max(size, capacity_ + capacity_ / 2);
    void* grown = realloc(data_, capacity);
    if (grown == nullptr) return false;
    data_ = static_cast<unsigned char*>(grown);
    capacity_ = capacity;
  }
  size_ = size;
  return true;
}

bool Bytes::append(const void* bytes, size_t count) {
  size_t old = size_;
  if (!resize(old + count)) return false;
  if (count != 0) memcpy(data_ + old, bytes, count);
  return true;
}

struct ByteSource::Inflater {
  z_stream stream = {};
  unsigned char input[65536] = {};
  bool in_member = true;
  ~Inflater() { inflateEnd(&stream); }
};

ByteSource::ByteSource() = default;
ByteSource::ByteSource(ByteSource&& other) noexcept {
  *this = std::move(other);
}

ByteSource& ByteSource::operator=(ByteSource&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(position_, other.position_);
  std::swap(most_bytes_, other.most_bytes_);
  std::swap(inflater_, other.inflater_);
  return *this;
}

ByteSource::~ByteSource() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<ByteSource> ByteSource::open(const std::string& path) {
  ByteSource source;
  source.path_ = path;
  source.descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (source.descriptor_ < 0) return Error{path + ": cannot be opened: " + strerror(errno)};
  struct stat facts = {};
  if (fstat(source.descriptor_, &facts) != 0) return Error{path + ": " + strerror(errno)};
  if (S_ISDIR(facts.st_mode)) return Error{path + ": is a directory, not a file"};
  bool is_file = S_ISREG(facts.st_mode);
  source.most_bytes_ = is_file ? static_cast<uint64_t>(facts.st_size) : UINT64_MAX;
  unsigned char magic[2] = {};
  if (!is_file || pread(source.descriptor_, magic, 2, 0) != 2 || magic[0] != 0x1f || magic[1] != 0x8b) return source;
  source.inflater_ = std::make_unique<Inflater>();
  if (inflateInit2(&source.inflater_->stream, 16 + MAX_WBITS) != Z_OK) return Error{path + ": out of memory"};
  // Deflate packs at most 1032:1 (zlib's technical notes).
  source.most_bytes_ = source.most_bytes_ * 1032;
  return source;
}

Result<size_t> ByteSource::read_raw(void* bytes, size_t count) {
  size_t done = 0;
  while (done < count) {
    ssize_t got = ::read(descriptor_, static_cast<char*>(bytes) + done, count - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{path_ + ": cannot be read: " + strerror(errno)};
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

Result<size_t> ByteSource::read_packed(unsigned char* bytes, size_t count) {
  z_stream& stream = inflater_->stream;
  size_t done = 0;
  while (done < count) {
    if (stream.avail_in == 0) {
      Result<size_t> got = read_raw(inflater_->input, sizeof inflater_->input);
      if (!got) return got.error();
      stream.next_in = inflater_->input;
      stream.avail_in = static_cast<uInt>(*got);
      if (*got == 0 && inflater_->in_member) return Error{path_ + ": the gzip data ends too early (is it cut short?)"};
      if (*got == 0) break;
    }
    if (!inflater_->in_member) {
      inflateReset(&stream);
      inflater_->in_member = true;
    }
    size_t chunk = std::min<size_t>(count - done, 1u << 30);
    stream.next_out = bytes + done;
    stream.avail_out = static_cast<uInt>(chunk);
    int code = inflate(&stream, Z_NO_FLUSH);
    done += chunk - stream.avail_out;
    if (code == Z_STREAM_END) {
      inflater_->in_member = false;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return Error{path_ + ": damaged gzip data: " + (stream.msg != nullptr ? stream.msg : "unknown")};
    }
  }
  return done;
}

Result<size_t> ByteSource::read(void* bytes, size_t count) {
  Result<size_t> got = inflater_ ? read_packed(static_cast<unsigned char*>(bytes), count) : read_raw(bytes, count);
  if (got) position_ += *got;
  return got;
}

static constexpr uint64_t kChunk = 4u << 20;  // growth step: small beside the data, large beside a system call

Status ByteSource::read_rest(Bytes& out) {
  for (;;) {
    size_t old = out.size();
    if (!out.resize(old + kChunk)) return Error{path_ + ": out of memory"};
    Result<size_t> got = read(out.data() + old, kChunk);
    if (!got) return got.error();
    if (*got == kChunk) continue;
    return out.resize(old + *got) ? Status(Done{}) : Status(Error{path_ + ": out of memory"});
  }
}

Status ByteSource::read_exactly(Bytes& out, uint64_t count, const char* what) {
  for (uint64_t done = 0; done < count;) {
    size_t chunk = static_cast<size_t>(std::min(count - done, kChunk));
    size_t old = out.size();
    if (!out.resize(old + chunk)) return Error{path_ + ": out of memory"};
    Result<size_t> got = read(out.data() + old, chunk);
    if (!got) return got.error();
    done += *got;
    if (*got < chunk)
      return Error{format("%s: ends after %llu of %llu bytes of %s (is it cut short?)", path_.c_str(),
                          static_cast<unsigned long long>(done), static_cast<unsigned long long>(count), what)};
  }
  return Done{};
}

Status ByteSource::expect_end() {
  unsigned char byte = 0;
  Result<size_t> got = read(&byte, 1);
  if (!got) return got.error();
  if (*got == 0) return Done{};
  return Error{format("%s: byte %llu: expected the end of the file, found more bytes", path_.c_str(),
                      static_cast<unsigned long long>(position_ - 1))};
}

bool is_directory(const std::string& path) {
  struct stat facts = {};
  return stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

bool file_exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

std::string join_path(const std::string& directory, const std::string& name) {
  if (directory.empty() || directory == "." || (!name.empty() && name[0] == '/')) return name;
  return directory.back() == '/' ? directory + name : directory + "/" + name;
}

static std::string without_gz(const std::string& name) {
  return name.size() > 3 && name.compare(name.size() - 3, 3, ".gz") == 0 ? name.substr(0, name.size() - 3) : name;
}

static std::string nothing_fits(const std::string& directory, const std::string& pattern,
                                const std::vector<std::string>& names) {
  std::string message = directory + ": no file fits `" + pattern + "`";
  for (size_t i = 0; i < names.size() && i < 6; ++i) message += (i == 0 ? " (there are: " : ", ") + names[i];
  if (names.size() > 6) message += format(", ... %zu in all", names.size());
  return message + (names.empty() ? " (the directory is empty)" : ")");
}

Result<std::vector<std::string>> list_directory(const std::string& directory) {
  DIR* handle = opendir(directory.c_str());
  if (handle == nullptr) return Error{directory + ": cannot be opened as a directory: " + strerror(errno)};
  std::vector<std::string> names;
  while (const dirent* entry = readdir(handle))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  closedir(handle);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> find_files(const std::string& directory, const std::string& path_pattern) {
  size_t slash = path_pattern.rfind('/');
  std::string head = slash == std::string::npos ? "" : path_pattern.substr(0, slash + 1);
  std::string pattern = path_pattern.substr(head.size()), place = join_path(directory, head);
  if (place.empty()) place = directory;
  Result<std::vector<std::string>> names = list_directory(place);
  if (!names) return names.error();
  std::vector<std::string> fitting;
  for (const std::string& name : *names) {
    std::string plain = without_gz(name);
    bool fits = fnmatch(pattern.c_str(), name.c_str(), 0) == 0 || fnmatch(pattern.c_str(), plain.c_str(), 0) == 0;
    if (!fits || is_directory(join_path(place, name))) continue;
    // Sorted order puts NAME before NAME.gz.
    if (plain != name && std::find(fitting.begin(), fitting.end(), head + plain) != fitting.end()) continue;
    fitting.push_back(head + name);
  }
  if (fitting.empty()) return Error{nothing_fits(place, pattern, *names)};
  return fitting;
}

}  // namespace tarn::runtime
