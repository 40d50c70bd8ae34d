// Times of kernels -> a Chrome/Perfetto trace and a table.
#include "profile.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <utility>

#include "output_file.h"
#include "progress.h"
#include "text.h"

namespace tarn::runtime {

Profile::~Profile() {
  if (file_ != nullptr) fclose(file_);
}

Status Profile::start(const std::string& path) {
  Result<std::FILE*> file = open_stream(path, false);
  if (!file) return file.error();
  file_ = *file;
  path_ = path;
  spans_.reserve(kMostSpans);
  began_ = now_seconds();
  return Done{};
}

void Profile::on_kernel(void* user, uint32_t kernel, const uint64_t*) {
  auto& self = *static_cast<Profile*>(user);
  double now = now_seconds();
  if (self.spans_.size() < kMostSpans && kernel < self.entry_->kernel_count)
    self.spans_.push_back({self.entry_->kernels[kernel].name, &self.entry_->kernels[kernel], self.kernel_began_,
                           now - self.kernel_began_});
  self.kernel_began_ = now_seconds();  // not the time of recording
}

const tarn_observer* Profile::begin(const tarn_entry& entry, const char* name) {
  if (!on() || spans_.size() + entry.kernel_count >= kMostSpans) return nullptr;
  entry_ = &entry;
  entry_name_ = name;
  observer_ = {on_kernel, this};
  entry_began_ = kernel_began_ = now_seconds();
  return &observer_;
}

void Profile::end() {
  if (entry_ == nullptr) return;
  if (spans_.size() < kMostSpans) spans_.push_back({entry_name_, nullptr, entry_began_, now_seconds() - entry_began_});
  entry_ = nullptr;
}

Status Profile::write() {
  if (!on()) return Done{};
  std::FILE* file = std::exchange(file_, nullptr);
  fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", file);
  const char* comma = "";
  for (const Span& span : spans_) {
    fprintf(file, "%s{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"name\":%s,\"cat\":\"%s\",\"ts\":%.3f,\"dur\":%.3f", comma,
            json_string(span.name).c_str(), span.kernel ? "kernel" : "entry", 1e6 * (span.start - began_),
            1e6 * span.seconds);
    if (span.kernel != nullptr && span.seconds > 0)
      fprintf(file, ",\"args\":{\"flops\":%.0f,\"bytes\":%.0f,\"gflop_per_s\":%.2f,\"gb_per_s\":%.2f}",
              span.kernel->flops, span.kernel->bytes, 1e-9 * span.kernel->flops / span.seconds,
              1e-9 * span.kernel->bytes / span.seconds);
    fputs("}", file);
    comma = ",\n";
  }
  fputs("\n]}\n", file);
  bool failed = ferror(file) != 0;
  if (fclose(file) != 0 || failed) return Error{path_ + ": cannot be written: " + strerror(errno)};
  return Done{};
}

std::string Profile::table() const {
  struct Row {
    const tarn_kernel* kernel;
    int64_t calls = 0;
    double seconds = 0;
  };
  std::map<const tarn_kernel*, Row> by_kernel;
  double total = 0;
  for (const Span& span : spans_) {
    if (span.kernel == nullptr) continue;
    Row& row = by_kernel[span.kernel];
    row.kernel = span.kernel;
    ++row.calls;
    row.seconds += span.seconds;
    total += span.seconds;
  }
  std::vector<Row> rows;
  for (const auto& [kernel, row] : by_kernel) rows.push_back(row);
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.seconds > b.seconds; });
  std::string text = "    calls         ms    share   GFLOP/s      GB/s  kernel";
  for (const Row& row : rows) {
    double seconds = std::max(row.seconds, 1e-12), calls = static_cast<double>(row.calls);
    text += format("\n%9lld %10.3f  %5.1f %%  %8.2f  %8.2f  %s", static_cast<long long>(row.calls), 1e3 * row.seconds,
                   100 * row.seconds / std::max(total, 1e-12), 1e-9 * row.kernel->flops * calls / seconds,
                   1e-9 * row.kernel->bytes * calls / seconds, row.kernel->name);
  }
  return text;
}

}  // namespace tarn::runtime
