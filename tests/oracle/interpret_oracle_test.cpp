// The front end, autodiff and the interpreter in f64 against PyTorch: what is left is the meaning of the language.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/oracle/cases.h"

namespace tarn::oracle {

TEST_CASE("weights and batches are those that PyTorch had") {
  for (const Case& net : all_cases()) {
    CAPTURE(net.name);
    check_data(net);
  }
}

TEST_CASE("the interpreter trains as PyTorch does in f64") {
  for (const Case& net : all_cases()) {
    if (!net.is_small()) continue;
    CAPTURE(net.name);
    PipelineOptions only_gradients;
    only_gradients.passes = {"autodiff"};
    auto make = [&](Module module) { return interpret_runner(std::move(module), only_gradients); };
    const Distance far = distance(net, make, net.name == "mnist" ? 3 : 100, net.losses_f64);
    MESSAGE(net.name << ": gradients " << far.gradients << ", losses " << far.losses);
    CHECK(far.gradients < 3e-6);  // the recorded gradients are f32: their own error (README.md)
    CHECK(far.losses < 1e-12);    // measured: 2e-15, both are f64
  }
}

TEST_CASE("the whole pipeline keeps the meaning") {
  const auto simple = [](const Case& net) { return net.name == "simple"; };
  const Case& net = *std::find_if(all_cases().begin(), all_cases().end(), simple);
  auto make = [&](Module module) { return interpret_runner(std::move(module), {}); };
  const Distance far = distance(net, make, 100, net.losses_f64);
  CHECK(far.gradients < 3e-6);
  CHECK(far.losses < 1e-12);
}

}  // namespace tarn::oracle
