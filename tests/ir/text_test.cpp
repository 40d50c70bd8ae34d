// print and parse_ir are inverses, on every sample of every op and on random graphs.
#include <doctest/doctest.h>

#include "ir/builder.h"
#include "ir/parse.h"
#include "ir/print.h"
#include "tests/gradient_check.h"
#include "tests/random_graph.h"

namespace tarn {

static void check_round_trip(const Module& module, const PrintOptions& options = {}) {
  SourceManager sources;
  DiagnosticSink sink;
  std::string text = print(module, options);
  std::optional<Module> parsed = parse_ir(sources, sources.add("test.tarnir", text), sink);
  REQUIRE_MESSAGE(parsed, render_text(sink, sources, {}), text);
  CHECK(print(*parsed, options) == text);
}

TEST_CASE("every sample of every op round-trips") {
  for (const OpDef* op : all_ops()) {
    for (const Sample& sample : op->samples) check_round_trip(module_of(*op, sample));
  }
}

TEST_CASE("random graphs round-trip") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    check_round_trip(random_module(seed));
  }
}

TEST_CASE("numbers, records, gradients and locations round-trip") {
  Module module;
  module.name = "m";
  module.records.push_back({"data", "mnist", {{"files", std::vector<std::string>{"a\"b", "c\n"}}, {"valid", 0.2}}});
  Func& func = module.funcs.emplace_back();
  func.name = "f";
  Builder b(func);
  Type scalar{DType::F64, {}};
  ValueId sum = b.argument(scalar, "x.w/0", Role::Hyper, 1e-300);
  b.set_location({"a \"b\".tarn", 3, 14, "encoder.fc1"});
  for (double value : {0.1, -0.0, 5e-324, 1.7976931348623157e308, HUGE_VAL, -HUGE_VAL, std::nan("")}) {
    sum = b.add(sum, b.constant(value, scalar));
  }
  b.result(b.gradient(sum, {func.args[0].value})[0], "d.x", Role::Output);
  check_round_trip(module);
  check_round_trip(module, {.locations = true});
}

}  // namespace tarn
