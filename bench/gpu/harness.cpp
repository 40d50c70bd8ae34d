// See harness.h.
#include "harness.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <limits>

#include "driver.h"

static bool failed = false;

std::vector<Check>& all_checks() {
  static std::vector<Check> checks;
  return checks;
}

bool has_failed() {
  return failed;
}

void report(const char* format, ...) {
  va_list args;
  va_start(args, format);
  printf("    ");
  vprintf(format, args);
  printf("\n");
  va_end(args);
  fflush(stdout);
}

void expect(bool holds, const char* format, ...) {
  if (holds) return;
  failed = true;
  va_list args;
  va_start(args, format);
  printf("    FAILS: ");
  vprintf(format, args);
  printf("\n");
  va_end(args);
  fflush(stdout);
}

double largest_error(const std::vector<float>& is, const std::vector<float>& want, double floor) {
  if (is.size() != want.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (size_t i = 0; i < is.size(); i++) {
    const double error = std::fabs(double(is[i]) - want[i]) / (std::fabs(want[i]) + floor);
    if (!(error <= largest)) largest = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
  }
  return largest;
}

void expect_close(const char* what, const std::vector<float>& is, const std::vector<float>& want, double within,
                  double floor) {
  const double error = largest_error(is, want, floor);
  expect(error <= within, "%s: largest error %.3g, allowed %.3g", what, error, within);
  if (error > within) {
    for (size_t i = 0, shown = 0; i < is.size() && i < want.size() && shown < 4; i++)
      if (!(std::fabs(double(is[i]) - want[i]) / (std::fabs(want[i]) + floor) <= within))
        report("  at %zu: %g instead of %g", i, is[i], want[i]), shown++;
  }
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double median_device_seconds(const std::function<void()>& work, int samples) {
  static CUevent from = nullptr, to = nullptr;
  if (!from) {
    CU(cuEventCreate(&from, CU_EVENT_DEFAULT));
    CU(cuEventCreate(&to, CU_EVENT_DEFAULT));
  }
  work();
  synchronize();
  std::vector<double> seconds;
  for (int sample = 0; sample < samples; sample++) {
    CU(cuEventRecord(from, cuda().stream));
    work();
    CU(cuEventRecord(to, cuda().stream));
    CU(cuEventSynchronize(to));
    float milliseconds = 0;
    CU(cuEventElapsedTime(&milliseconds, from, to));
    seconds.push_back(milliseconds * 1e-3);
  }
  return median(seconds);
}

double median_host_seconds(const std::function<void()>& work, int samples) {
  work();
  std::vector<double> seconds;
  for (int sample = 0; sample < samples; sample++) {
    const double start = now_seconds();
    work();
    seconds.push_back(now_seconds() - start);
  }
  return median(seconds);
}

static constexpr unsigned kLimitSeconds = 40;

// The exit status of one check in a child: 0, 1, kSkipped, or 1 with a word about its signal.
static int run_in_child(const Check& check) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(kLimitSeconds);
    check.run();
    synchronize();
    fflush(stdout);
    _exit(failed ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  printf("    FAILS: %s\n", WTERMSIG(status) == SIGALRM ? "it hangs" : strsignal(WTERMSIG(status)));
  return 1;
}

int run_checks(int argc, char** argv) {
  bool here = false;
  std::vector<std::string> names;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--list")) {
      for (const Check& check : all_checks()) printf("%s\n", check.name);
      return 0;
    }
    if (!strcmp(argv[i], "--here"))
      here = true;
    else
      names.push_back(argv[i]);
  }
  int passed = 0;
  std::string bad;
  for (const Check& check : all_checks()) {
    if (!names.empty() && std::find(names.begin(), names.end(), check.name) == names.end()) continue;
    printf("%s: %s\n", check.name, check.says);
    const double start = now_seconds();
    int status = 0;
    if (here) {
      check.run();
      synchronize();
      status = failed ? 1 : 0;
      failed = false;
    } else {
      status = run_in_child(check);
    }
    if (status == kSkipped) {
      printf("SKIPPED: no check is run without a GPU\n");
      return kSkipped;
    }
    const char* word = status == 0 ? "holds" : "DOES NOT HOLD";
    printf("    %s (%.1f s)\n", word, now_seconds() - start);
    passed += status == 0;
    if (status != 0) bad += std::string(" ") + check.name;
  }
  printf("%d hold, %s%s\n", passed, bad.empty() ? "none fails" : "failing:", bad.c_str());
  return bad.empty() ? 0 : 1;
}
