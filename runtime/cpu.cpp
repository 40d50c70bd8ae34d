// What a program's code needs of the processor against what is here.
#include "cpu.h"

#include <cstring>
#include <string>
#include <utility>

namespace tarn::runtime {

#if defined(__x86_64__)
// Of `features`, those that are absent: "fma, bmi2".
template <size_t kCount>
static std::string absent(const std::pair<const char*, bool> (&features)[kCount]) {
  std::string names;
  for (auto [name, is_present] : features) {
    if (!is_present) names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return names;
}

// What a level has beyond the one before it and generated code uses.  The compiler answers for literals only.
static std::string missing_for(const char* level) {
  bool is_v4 = strcmp(level, "x86-64-v4") == 0;
  if (!is_v4 && strcmp(level, "x86-64-v3") != 0) return "";
  __builtin_cpu_init();
  std::string missing = absent({{"avx2", __builtin_cpu_supports("avx2") != 0},
                                {"fma", __builtin_cpu_supports("fma") != 0},
                                {"bmi", __builtin_cpu_supports("bmi") != 0},
                                {"bmi2", __builtin_cpu_supports("bmi2") != 0}});
  if (!is_v4) return missing;
  std::string wide = absent({{"avx512f", __builtin_cpu_supports("avx512f") != 0},
                             {"avx512bw", __builtin_cpu_supports("avx512bw") != 0},
                             {"avx512cd", __builtin_cpu_supports("avx512cd") != 0},
                             {"avx512dq", __builtin_cpu_supports("avx512dq") != 0},
                             {"avx512vl", __builtin_cpu_supports("avx512vl") != 0}});
  return missing + (missing.empty() || wide.empty() ? "" : ", ") + wide;
}
#endif

Status check_cpu(const char* needed) {
#if defined(__x86_64__)
  std::string missing = missing_for(needed);
  if (missing.empty()) return Done{};
  return Error{"this processor lacks " + missing + ", which the program was compiled for (" + needed +
               "); build it again with `tarn build --cpu=x86-64`, or on this machine"};
#else
  (void)needed;
  return Done{};
#endif
}

}  // namespace tarn::runtime
