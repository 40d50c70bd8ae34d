// Machine code against PyTorch: gradients of one step, the loss over the recorded steps, the parameters after them.
#include <doctest/doctest.h>

#include "tests/oracle/cases.h"

namespace tarn::oracle {

// The levels of x86-64 that this machine has; "native" is the highest.
static std::vector<std::string> cpus() {
  std::vector<std::string> names = {"x86-64"};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) names.emplace_back("x86-64-v3");
  if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) names.emplace_back("x86-64-v4");
  return names;
}

static void check_net(const Case& net, const std::string& cpu, int opt_level) {
  CAPTURE(net.name);
  CAPTURE(cpu);
  CAPTURE(opt_level);
  auto make = [&](Module module) { return jit_runner(std::move(module), cpu, opt_level); };
  const Distance far = distance(net, make, net.steps, net.losses);
  MESSAGE(net.name << " " << cpu << " -O" << opt_level << ": gradients " << far.gradients << ", losses " << far.losses
                   << ", parameters " << far.parameters << ", states " << far.states);
  // What the project promises; the record says how far f32 rounding alone moves PyTorch's own numbers (README.md).
  CHECK(far.gradients < net.gradients_within);
  CHECK(far.losses < net.losses_within);
  CHECK(far.parameters < net.losses_within);
  CHECK(far.states < net.losses_within);
}

TEST_CASE("machine code trains as PyTorch does, for each kind of processor") {
  for (const Case& net : all_cases()) {
    for (const std::string& cpu : cpus()) {
      if (net.is_small()) check_net(net, cpu, 2);
    }
  }
}

TEST_CASE("machine code trains as PyTorch does, at each optimisation level") {
  for (const Case& net : all_cases()) {
    for (int opt_level : {0, 3}) {
      if (net.is_small()) check_net(net, "native", opt_level);
    }
  }
}

TEST_CASE("machine code of larger nets trains as PyTorch does") {
  for (const Case& net : all_cases()) {
    if (!net.is_small()) check_net(net, "native", 2);
  }
}

}  // namespace tarn::oracle
