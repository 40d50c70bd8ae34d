// C source against PyTorch: gradients of one step, the loss over the recorded steps, the parameters after them.
#include <doctest/doctest.h>

#include "tests/codegen_cpu/run_kernel.h"
#include "tests/oracle/cases.h"

namespace tarn::oracle {

TEST_CASE("C source trains as PyTorch does") {
  for (const Case& net : all_cases()) {
    if (!net.is_small()) continue;
    for (const std::string& compiler : testing::runnable_cpus()) {
      CAPTURE(net.name);
      CAPTURE(compiler);
      auto make = [&](Module module) {
        return program_runner(std::move(module), 2, [&](const Program& program) {
          TargetOptions options;
          options.cpu = compiler;
          return testing::compile_program(program, options);
        });
      };
      const Distance far = distance(net, make, net.steps, net.losses);
      MESSAGE(net.name << " " << compiler << ": gradients " << far.gradients << ", losses " << far.losses
                       << ", parameters " << far.parameters << ", states " << far.states);
      CHECK(far.gradients < net.gradients_within);
      CHECK(far.losses < net.losses_within);
      CHECK(far.parameters < net.losses_within);
      CHECK(far.states < net.losses_within);
    }
  }
}

}  // namespace tarn::oracle
