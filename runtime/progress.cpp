// How a run looks: one live line on a terminal, plain lines elsewhere.
#include "progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "text.h"

namespace tarn::runtime {

double now_seconds() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Returns an errno value, or 0.
static int put(int descriptor, const char* bytes, size_t count) {
  while (count > 0) {
    ssize_t done = write(descriptor, bytes, count);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return done < 0 ? errno : EIO;
    bytes += done;
    count -= static_cast<size_t>(done);
  }
  return 0;
}

// A run goes on without its text; the failure is told at the end.  Who closes a pipe has read what he wanted.
void Progress::show(const char* bytes, size_t count) {
  int code = put(STDOUT_FILENO, bytes, count);
  if (code != 0 && code != EPIPE && error_ == 0) error_ = code;
}

Status Progress::written() const {
  if (error_ == 0) return Done{};
  return Error{std::string("standard output cannot be written: ") + strerror(error_)};
}

static bool is_set(const char* variable) {
  const char* value = getenv(variable);
  return value != nullptr && *value != 0;
}

Progress::Progress(bool quiet) : quiet_(quiet) {
  const char* term = getenv("TERM");
  live_ = isatty(STDOUT_FILENO) && term != nullptr && strcmp(term, "dumb") != 0;
  colour_ = live_ && !is_set("NO_COLOR");
  began_ = now_seconds();
  next_ = began_ + (live_ ? 0.05 : 10);
}

static int columns() {
  winsize size = {};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void Progress::step(const Model& model, const Moment& moment) {
  if (quiet_) return;
  double now = now_seconds();
  if (now < next_) return;
  next_ = now + (live_ ? 0.1 : 10);
  double per_step = (now - began_) / static_cast<double>(std::max<int64_t>(moment.steps_run, 1));
  char text[256], metric[64] = "";
  const Totals& totals = *moment.totals;
  if (!totals.metrics.empty()) {
    const char* name = model.metrics()[0]->name;
    bool percent = strstr(name, "accuracy") != nullptr;
    double mean = totals.mean_metric(0);
    if (std::isnan(mean)) mean = std::fabs(mean);  // its sign says nothing
    snprintf(metric, sizeof metric, percent ? "  %.24s %.2f %%" : "  %.24s %.4g", name, mean * (percent ? 100 : 1));
  }
  double rate = static_cast<double>(model.batch()) / per_step, left = per_step * static_cast<double>(moment.steps_left);
  auto seconds = static_cast<long>(std::min(left + 0.5, 1e9));
  char clock[32];
  if (seconds < 3600)
    snprintf(clock, sizeof clock, "%ld:%02ld", seconds / 60, seconds % 60);
  else
    snprintf(clock, sizeof clock, "%ld:%02ld:%02ld", seconds / 3600, seconds / 60 % 60, seconds % 60);
  char epoch[64] = "";
  if (moment.has_epochs) {
    snprintf(epoch, sizeof epoch, "epoch %lld/%lld  ", static_cast<long long>(moment.epoch),
             static_cast<long long>(moment.epochs));
  }
  int size =
      snprintf(text, sizeof text, "%sstep %lld/%lld  loss %.4f%s  %.3g%s rows/s  %s left", epoch,
               static_cast<long long>(moment.batch), static_cast<long long>(moment.batches), totals.mean_loss(), metric,
               rate >= 1e6   ? rate / 1e6
               : rate >= 1e3 ? rate / 1e3
                             : rate,
               rate >= 1e6   ? "M"
               : rate >= 1e3 ? "k"
                             : "",
               clock);
  size = std::min(size, static_cast<int>(sizeof text) - 1);
  if (!live_) {
    text[size] = '\n';
    show(text, static_cast<size_t>(size) + 1);
    return;
  }
  // Cut to the width: a line that wraps cannot be overwritten.
  char out[320];
  int length = snprintf(out, sizeof out, "\r\x1b[K%s%.*s%s", dim(), std::min(size, columns() - 1), text, plain());
  show(out, static_cast<size_t>(length));
  shown_ = true;
}

void Progress::clear() {
  if (shown_) show("\r\x1b[K", 4);
  shown_ = false;
}

void Progress::line(const std::string& text) {
  if (!quiet_) result(text);
}

void Progress::result(const std::string& text) {
  clear();
  std::string out = text + "\n";
  show(out.data(), out.size());
}

void Progress::warning(const char* program, const std::string& text) {
  clear();
  std::string out = std::string(program) + ": warning: " + text + "\n";
  put(STDERR_FILENO, out.data(), out.size());
}

}  // namespace tarn::runtime
