// What a program's code needs of the processor against what is here.
#include "cpu.h"

#include <cstring>
#include <string>
#include <string_view>

namespace tarn::runtime {

#if defined(__x86_64__)
// Names as LLVM writes them.  Returns 1 present, 0 absent, -1 not known here (then it is not checked: those that
// matter for generated code are all listed).
static int has_feature(std::string_view name) {
#define FEATURE(llvm_name, gcc_name) \
  if (name == llvm_name) return __builtin_cpu_supports(gcc_name) ? 1 : 0;
  FEATURE("sse3", "sse3")
  FEATURE("ssse3", "ssse3")
  FEATURE("sse4.1", "sse4.1")
  FEATURE("sse4.2", "sse4.2")
  FEATURE("popcnt", "popcnt")
  FEATURE("avx", "avx")
  FEATURE("avx2", "avx2")
  FEATURE("fma", "fma")
  FEATURE("bmi", "bmi")
  FEATURE("bmi2", "bmi2")
  FEATURE("avx512f", "avx512f")
  FEATURE("avx512bw", "avx512bw")
  FEATURE("avx512cd", "avx512cd")
  FEATURE("avx512dq", "avx512dq")
  FEATURE("avx512vl", "avx512vl")
  FEATURE("avx512ifma", "avx512ifma")
  FEATURE("avx512vbmi", "avx512vbmi")
  FEATURE("avx512vbmi2", "avx512vbmi2")
  FEATURE("avx512vnni", "avx512vnni")
  FEATURE("avx512bitalg", "avx512bitalg")
  FEATURE("avx512vpopcntdq", "avx512vpopcntdq")
  FEATURE("gfni", "gfni")
  FEATURE("vpclmulqdq", "vpclmulqdq")
#undef FEATURE
  return -1;
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
    if (has_feature(name) == 0) missing += (missing.empty() ? "" : ", ") + name;
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
