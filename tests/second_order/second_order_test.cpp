// Hessian-vector products and gradient penalties through every kind of layer: what autodiff makes of the gradient of a
// gradient, against central differences in f64.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "driver/gradient_check.h"
#include "tests/oracle/runner.h"

namespace tarn {

struct Net {
  const char* input;  // the type of a row of x
  const char* body;   // of the model, on x
};

// A model by itself, and declarations that it needs.
static const Net kNets[] = {
    {"f32[2, 6, 6]", "x |> conv[3, k = 3, pad = same] |> tanh |> flatten |> dense[2]"},
    {"f32[4, 7, 7]",
     "x |> conv[6, k = [3, 2], stride = 2, dilation = 2, groups = 2] |> sigmoid |> flatten |> dense[2]"},
    {"f32[3, 5, 5]", "x |> depthwise_conv[3, pad = 1] |> softplus |> global_avg_pool |> dense[2]"},
    {"f32[3, 4, 4]", "x |> conv_transpose[2, k = 3, stride = 2, pad = 1] |> tanh |> flatten |> dense[2]"},
    {"f32[2, 9]", "x |> conv1d[3, k = 3] |> tanh |> avg_pool1d[2] |> flatten |> dense[2]"},
    {"f32[2, 6, 6]", "(x * x |> max_pool[2]) + (x * x |> avg_pool[2]) |> flatten |> dense[2]"},
    {"f32[2, 4, 4]", "x |> conv[3, k = 3] |> batch_norm |> tanh |> flatten |> dense[2]"},
    {"f32[6]", "x |> dense[8] |> layer_norm |> gelu |> dense[8] |> rms_norm |> dense[2]"},
    {"f32[4, 3, 3]", "x |> group_norm[2] |> tanh |> instance_norm |> flatten |> dense[2]"},
    {"f32[5, 8]", "x |> attention[2, causal = true] |> flatten |> dense[2]"},
    {"f32[4, 6]", "x |> cross_attention[2](x * x) |> transformer_block[2] |> flatten |> dense[2]"},
    {"f32[5, 3]", "x |> rnn[4] |> rnn[3, reverse = true, last = true] |> dense[2]"},
    {"f32[5, 3]", "x |> lstm[4] |> flatten |> dense[2]"},
    {"f32[5, 3]", "x |> gru[4, last = true] |> dense[2]"},
    {"f32[3, 5]",
     "(scan t in 5, carry h: f32[B, 3] = 0 { next h = tanh(x[.., t] + h * h); yield h }) |> flatten |> dense[2]"},
    {"f32[5, 3]", "gather(x * x, 2 * arange(2) + 1, axis = 1) |> flatten |> dense[2]"},
    {"f32[6]", "topk(x * x, 3)[0] * cumsum(x)[.., 0..3] |> tanh |> dense[2]"},
    {"f32[6]", "sort(sin(x)) * cumprod(x) |> dense[2]"},
    {"f32[4, 3]", "einsum(\"bij,bkj,bil->bkl\", x, sin(x), x * x) |> flatten |> dense[2]"},
    {"f32[4, 3]", "softmax(x |> dense[5], over = 1) * norm(x, over = [1, 2]) |> logsumexp(over = 1) |> dense[2]"},
    {"f32[6]",
     "atan2(x, 1 + x * x) + erf(x) * log1p(exp(x)) + std(x, over = 1) + prod(1 + x / 4, over = 1) |> dense[2]"},
};

static std::string program_of(const Net& net, const std::string& loss) {
  return fmt::format(
      "data rows = npy() {{ x: {0} = \"x.npy\" }}\n"
      "layer body(x: {1}) = {2}\n"
      "model net(x: {1}) {{\n  param shift: {0} = uniform(-0.3, 0.3)\n  return sin(x + shift |> body)\n}}\n"
      "train net on rows {{\n{3}\n  optimizer = sgd(0.1)\n  batch = 3\n}}\n",
      net.input, fmt::format("f32[B, {}", std::string(net.input).substr(4)), net.body, loss);
}

static void check(const std::string& program) {
  CAPTURE(program);
  Module module = oracle::compile_text("second_order", program);
  Result<std::vector<GradientCheck>> checks = check_gradients(module, 1);
  REQUIRE_MESSAGE(checks, checks.error().message);
  for (const GradientCheck& check : *checks)
    CHECK_MESSAGE(check.agrees, check.parameter << ": relative error " << check.relative_error);
}

TEST_CASE("gradient penalties: the gradient in the input is differentiated in the parameters") {
  for (const Net& net : kNets) {
    check(program_of(net, "  let slope = grad(sum(net(x)), x)\n  loss = mean(slope * slope) + mean(net(x))"));
  }
}

TEST_CASE("Hessian-vector products: the gradient in a parameter is differentiated in all of them") {
  for (const Net& net : kNets) {
    check(
        program_of(net, "  let w = param(\"shift\")\n  loss = sum(grad(mean(net(x)^2), w) * (random_like(w) - 0.3))"));
  }
}

}  // namespace tarn
