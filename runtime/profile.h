// Times of kernels -> a Chrome/Perfetto trace and a table.  Source: "Trace Event Format", events of phase X.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "device.h"
#include "result.h"

namespace tarn::runtime {

// Records the kernels of the first steps until its table is full: a trace of minutes is of use to nobody.
class Profile {
 public:
  Profile() = default;
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;
  // `path` empty: off, and everything here does nothing.
  Status start(const std::string& path);
  bool on() const { return !path_.empty(); }
  // Around one run of an entry point, which gets the observer: null where nothing is recorded.
  const tarn_observer* begin(const tarn_entry& entry, const char* name);
  void end();
  // Once, at the end.
  Status write();
  // One line per kernel: calls, milliseconds, share, GFLOP/s; slowest first.
  std::string table() const;

 private:
  struct Span {
    const char* name;
    const tarn_kernel* kernel;  // null: a whole entry point
    double start, seconds;
  };
  static void on_kernel(void* self, uint32_t kernel, const uint64_t* iterations);

  static constexpr size_t kMostSpans = 200000;  // about 30 MB of JSON
  std::string path_;
  std::FILE* file_ = nullptr;
  std::vector<Span> spans_;
  tarn_observer observer_ = {};
  const tarn_entry* entry_ = nullptr;
  const char* entry_name_ = "";
  double entry_began_ = 0, kernel_began_ = 0, began_ = 0;
};

}  // namespace tarn::runtime
