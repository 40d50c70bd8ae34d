// Checks that each run in a process of their own, so that a fault or a hang of one leaves the others alone.
#pragma once
#include <functional>
#include <string>
#include <vector>

struct Check {
  const char* name;
  const char* says;
  void (*run)();
};
std::vector<Check>& all_checks();
struct Registered {
  Registered(const char* name, const char* says, void (*run)()) { all_checks().push_back({name, says, run}); }
};
#define CHECK(name, says)                                               \
  static void check_##name();                                           \
  static const Registered registered_##name(#name, says, check_##name); \
  static void check_##name()

// A line of the report, below the check's name.
void report(const char* format, ...) __attribute__((format(printf, 1, 2)));
// The check fails, and goes on.
void expect(bool holds, const char* format, ...) __attribute__((format(printf, 2, 3)));
bool has_failed();

// The largest |is - want| / (|want| + floor), or infinity where one is NaN or the sizes differ.
double largest_error(const std::vector<float>& is, const std::vector<float>& want, double floor);
void expect_close(const char* what, const std::vector<float>& is, const std::vector<float>& want, double within,
                  double floor = 1);

// Seconds of the stream's work in one call of `work`, by events: the median of `samples`, after one untimed call.
double median_device_seconds(const std::function<void()>& work, int samples = 15);
// Seconds on the host's clock, with nothing waited for but what `work` waits for.
double median_host_seconds(const std::function<void()>& work, int samples = 15);
double now_seconds();

// Runs all checks, or those named: the exit status, kSkipped without a GPU.  `--here`: in this process, for a debugger or
// compute-sanitizer; `--list`.
int run_checks(int argc, char** argv);
