// The grammar: what is printed parses to the same tree; mistakes are found, several in one run.
#include <doctest/doctest.h>

#include <string>

#include "frontend/parser.h"
#include "frontend/print_ast.h"

using namespace tarn;

static std::string reprint(const std::string& text, DiagnosticSink& sink) {
  SourceManager sources;
  return print_ast(parse_file(sources, sources.add("test.tarn", text), sink));
}

static void check_round_trip(const std::string& text) {
  CAPTURE(text);
  DiagnosticSink sink;
  std::string once = reprint(text, sink);
  CHECK_FALSE(sink.has_errors());
  std::string twice = reprint(once, sink);
  CHECK_FALSE(sink.has_errors());
  CHECK(once == twice);
}

TEST_CASE("every construct of the design prints and parses back") {
  check_round_trip("const H = 8; hyper lr = 0.01\nconst wide = not (1 < 2 and H == 8) or false");
  check_round_trip("fn mish(t: f32) = t * tanh(softplus(t))\nfn f(lr0, delta, t) = lr0 / sqrt(1 + delta * t)");
  check_round_trip(
      "layer dense[Out, init = xavier_uniform, bias = true](x: f32[.., In]) -> f32[.., Out] {\n"
      "  param w: f32[In, Out] = init\n  param b: f32[Out] = zeros if bias\n  return x @ w + b\n}");
  check_round_trip(
      "layer bn(x: f32[B,C,H,W]) {\n state mean: f32[C] = zeros;  state var: f32[C] = ones // saved\n"
      "  let (m, v) = if training { moments(x, over = [B,H,W]) } else { (mean, var) }\n"
      "  update var  = lerp(var, v * (B*H*W) / (B*H*W - 1), momentum)\n"
      "  return gamma * (x - m) * rsqrt(v + eps) + beta\n}");
  check_round_trip(
      "optimizer adam(p, g, t; lr, b1 = 0.9) {\n state m = zeros; update m = lerp(m, g, 1 - b1)\n"
      " update p = p - lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps) }");
  check_round_trip("init he[gain = 1](shape) = uniform(-1, 1) * gain\nschedule cosine(s, n; from, to) = from");
  check_round_trip(
      "data m = idx(\"train-*\", test = \"t10k-*\", valid = 0.2) { x: f32[784] = images / 255; "
      "y: class[10] = labels; z: class[C][B] = cols[0..10] }");
  check_round_trip(
      "model mlp(x: f32[B,784]) = x |> dense[64] as fc1 |> relu\n     |> dropout[0.1] |> dense[10] as out");
  check_round_trip(
      "model cnn(x: f32[B,3,32,32]) = x |> for F in [32,64,128] { cbr[F] |> max_pool[2] } |> mean(over=[H,W])");
  check_round_trip(
      "train mlp on m {\n loss = cross_entropy(mlp(x), y) + l2(1e-4, \"*.w\")\n metric acc = accuracy(mlp(x), y)\n"
      " optimizer = adamw(lr = warmup(500) then cosine(1e-3 -> 1e-5)) { group \"*.b\": decay = 0, lr = 2; "
      "freeze \"fc2.*\" until epoch 2 }\n prune \"fc*.w\" magnitude to 0.8 over steps 1000..8000 every 100\n"
      " epochs = 20; batch = 128; shuffle; clip_norm = 1.0\n early_stop accuracy(valid) patience 3 keep best; "
      "checkpoint every epoch keep 3\n let (a, b) = f(x) }");
  check_round_trip(
      "layer l[H](x) {\n use f = dense[3*H, bias=false]\n require H > 0, \"positive\"\n"
      " let a = einsum(\"btnk,bsnk->bnts\", q, k) / sqrt(K) |> mask(causal)\n return f(x[t, .., 0..3]) as g }");
  check_round_trip(
      "fn f(a, b) = -a^-b^2 * (a + b) / (a * b) - (a - (b - 1)) @ a\nfn g(a) = (a |> relu) + (-a)^2 - (not a)");
  check_round_trip("fn g(a) = if a > 0 { let b = a; b } else if a { 1 } else { 2 }");
}

TEST_CASE("mistakes of syntax are found one by one") {
  DiagnosticSink sink;
  reprint(
      "model a(x) = x |>\nlayer b[N](x) {\n  let = 3\n  param w: f32[N = zeros\n  return x +\n}\n"
      "fn c(x) = x )\nmdoel d(x) = x\nfn e(x) = \"open\n",
      sink);
  CHECK(sink.error_count() >= 6);
  for (const Diagnostic& diagnostic : sink.all()) CHECK(diagnostic.rule == "syntax");
}

TEST_CASE("deep nesting is refused, not overflowed") {
  for (std::string open : {"(", "[", "-", "not ", "if a { ", "f(", "x |> for a in [1] { ", "2^"}) {
    CAPTURE(open);
    std::string text = "fn f(a) = ";
    for (int i = 0; i < 100000; ++i) text += open;
    DiagnosticSink sink;
    reprint(text, sink);
    CHECK(sink.has_errors());
  }
  std::string sum = "fn f(a) = a";
  for (int i = 0; i < 100000; ++i) sum += " + a";
  DiagnosticSink sink;
  reprint(sum, sink);
  REQUIRE(sink.error_count() == 1);
  CHECK(sink.all()[0].rule == "syntax.depth");
}
