// Every graph that ever failed a check, through all checks, as machine code of each processor level that runs here.
#include <doctest/doctest.h>

#include <algorithm>

#include "ir/op_def.h"
#include "tests/codegen_cpu/run_kernel.h"
#include "tests/graphs/graph_checks.h"
#include "tests/graphs/kept_graph.h"

namespace tarn {

static bool has_op(const Module& module, std::string_view name) {
  return std::any_of(module.funcs.begin(), module.funcs.end(), [&](const Func& func) {
    return std::any_of(func.ops.begin(), func.ops.end(), [&](const Op& op) { return op.def->name == name; });
  });
}

TEST_CASE("graphs that failed once hold") {
  for (const KeptGraph& graph : read_kept_graphs(TARN_SOURCE_DIR "/tests/graphs/kept")) {
    CAPTURE(graph.file);
    for (const GraphCheck& check : graph_checks()) {
      if (check.is_differentiable && has_op(graph.module, "stop_gradient")) continue;
      CAPTURE(check.name);
      for (const std::string& cpu : testing::runnable_cpus()) {
        Verdict verdict = check.run(graph.module, graph.seed, cpu);
        CHECK_MESSAGE(verdict.wrong.empty(), verdict.wrong);
        if (check.name.rfind("machine_code", 0) != 0) break;
      }
    }
  }
}

}  // namespace tarn
