// What a program's code needs of the processor against what is here.
#include "cpu.h"

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace tarn::runtime {

#if defined(__x86_64__)
// Names as LLVM writes them.  False where the feature is absent; those not known here are not checked: those that
// matter for generated code are all listed.
static bool may_have(std::string_view name) {
  // The compiler answers for literals only.
  const std::pair<std::string_view, int> features[] = {
      {"sse3", __builtin_cpu_supports("sse3")},
      {"ssse3", __builtin_cpu_supports("ssse3")},
      {"sse4.1", __builtin_cpu_supports("sse4.1")},
      {"sse4.2", __builtin_cpu_supports("sse4.2")},
      {"popcnt", __builtin_cpu_supports("popcnt")},
      {"avx", __builtin_cpu_supports("avx")},
      {"avx2", __builtin_cpu_supports("avx2")},
      {"fma", __builtin_cpu_supports("fma")},
      {"bmi", __builtin_cpu_supports("bmi")},
      {"bmi2", __builtin_cpu_supports("bmi2")},
      {"avx512f", __builtin_cpu_supports("avx512f")},
      {"avx512bw", __builtin_cpu_supports("avx512bw")},
      {"avx512cd", __builtin_cpu_supports("avx512cd")},
      {"avx512dq", __builtin_cpu_supports("avx512dq")},
      {"avx512vl", __builtin_cpu_supports("avx512vl")},
      {"avx512ifma", __builtin_cpu_supports("avx512ifma")},
      {"avx512vbmi", __builtin_cpu_supports("avx512vbmi")},
      {"avx512vbmi2", __builtin_cpu_supports("avx512vbmi2")},
      {"avx512vnni", __builtin_cpu_supports("avx512vnni")},
      {"avx512bitalg", __builtin_cpu_supports("avx512bitalg")},
      {"avx512vpopcntdq", __builtin_cpu_supports("avx512vpopcntdq")},
      {"gfni", __builtin_cpu_supports("gfni")},
      {"vpclmulqdq", __builtin_cpu_supports("vpclmulqdq")},
  };
  for (auto [known, is_present] : features) {
    if (known == name) return is_present != 0;
  }
  return true;
}
#endif

Status check_cpu(const char* needed) {
#if defined(__x86_64__)
  std::string list;
  if (strcmp(needed, "x86-64-v3") == 0)
    list = "avx2,fma,bmi,bmi2";
  else if (strcmp(needed, "x86-64-v4") == 0)
    list = "avx2,fma,bmi,bmi2,avx512f,avx512bw,avx512cd,avx512dq,avx512vl";
  else if (strncmp(needed, "native:", 7) == 0)
    list = needed + 7;
  __builtin_cpu_init();
  std::string missing;
  for (size_t at = 0; at < list.size();) {
    size_t end = std::min(list.find(',', at), list.size());
    std::string name = list.substr(at, end - at);
    if (!name.empty() && name[0] == '+') name.erase(0, 1);
    if (!may_have(name)) missing += (missing.empty() ? "" : ", ") + name;
    at = end + 1;
  }
  if (missing.empty()) return Done{};
  return Error{"this processor lacks " + missing + ", which the program was compiled for (" +
               std::string(needed).substr(0, std::string_view(needed).find(':')) +
               "); build it again with `tarn build --cpu=x86-64`, or on this machine"};
#else
  (void)needed;
  return Done{};
#endif
}

}  // namespace tarn::runtime
