// The examples and the zoo, the large ones aside: large_dumps_test.cpp.
#include <doctest/doctest.h>

#include "ir/parse.h"
#include "passes/pipeline.h"
#include "tests/dumps/dumps.h"

namespace tarn {

TEST_CASE("from every dump of the examples the compiler goes on to the same IR") {
  for (const char* model :
       {"examples/digits.tarn", "examples/iris.tarn", "examples/mnist.tarn", "examples/embed/net.tarn",
        "examples/zoo/california.tarn", "examples/zoo/fgsm.tarn", "examples/zoo/lenet.tarn",
        "examples/zoo/regression.tarn", "examples/zoo/simple.tarn", "examples/zoo/char_lstm.tarn"}) {
    check_dumps(model, 2);
  }
}

TEST_CASE("so it does without optimisation, which leaves steps out") {
  check_dumps("examples/mnist.tarn", 0);
  check_dumps("examples/zoo/char_lstm.tarn", 0);
}

static PipelineResult run_text(const std::string& record, PipelineOptions options = {}) {
  SourceManager sources;
  DiagnosticSink sink;
  std::string text = "module @m\n" + record + "\nfunc @f(%x: f32[3] input) -> (y: f32[3] output) {\n  return %x\n}\n";
  std::optional<Module> module = parse_ir(sources, sources.add("m", text), sink);
  REQUIRE(module);
  return run_pipeline(*module, options);
}

TEST_CASE("what has run is told by the record, and must be this pipeline's") {
  CHECK(run_text("").reports.size() == pipeline().size());
  CHECK(run_text("record pipeline \"\" {done=[\"contract_order\",\"autodiff\"]}").reports.size() ==
        pipeline().size() - 2);
  PipelineResult none = run_text("record pipeline \"\" {done=[\"autodiff\",\"contract_order\"]}");
  REQUIRE(none.errors.size() == 1);
  CHECK(
      none.errors[0].message ==
      "record `pipeline` says that pass `contract_order` has run after `autodiff`, which it does not in this compiler; "
      "without the record all passes run");
  CHECK(run_text("record pipeline \"\" {done=3}").errors.size() == 1);
  PipelineResult past =
      run_text("record pipeline \"\" {done=[\"contract_order\",\"autodiff\"]}", {.stop_after = "autodiff"});
  REQUIRE(past.errors.size() == 1);
  CHECK(past.errors[0].message == "pass `autodiff` does not run at -O2 any more: record `pipeline` lists what has run");
  // Passes asked for by name run whatever the record says, and are no steps of the pipeline.
  CHECK(run_text("record pipeline \"\" {done=[\"contract_order\",\"autodiff\"]}", {.passes = {"autodiff"}}).ok());
}

}  // namespace tarn
