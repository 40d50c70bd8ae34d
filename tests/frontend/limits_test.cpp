// Texts that are much too long, or that make much too much, are refused soon and in few words.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>

#include "frontend/compile.h"

using namespace tarn;

struct Refusal {
  std::string text;  // as it is printed
  std::string json;
  double seconds;
};

static Refusal refuse(std::string program) {
  auto begin = std::chrono::steady_clock::now();
  SourceManager sources;
  uint32_t file = sources.add("long.tarn", std::move(program));
  DiagnosticSink sink;
  CHECK_FALSE(compile_source(sources, file, {}, sink).has_value());
  Refusal refusal{render_text(sink, sources, {}), render_json(sink, sources), 0};
  refusal.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return refusal;
}

static std::string repeated(std::string_view part, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += part;
  return text;
}

// Each takes a tenth of a second or so; what grew by the square would take minutes.
static constexpr double kSoon = 20;
static constexpr size_t kFewWords = 20'000;  // bytes: of 20 messages

TEST_CASE("a megabyte of bad text") {
  for (const std::string& text :
       {repeated("#", 1 << 20), repeated("# ", 1 << 19), repeated("\x01\x80? ", 1 << 18), repeated("1x ", 1 << 18),
        repeated("model\n", 1 << 17), "model m(x: f32[B,2]) = " + repeated("\"", 1 << 20)}) {
    Refusal refusal = refuse(text);
    CHECK(refusal.seconds < kSoon);
    CHECK(refusal.text.size() < kFewWords);
    CHECK(refusal.text.find(": error: ") != std::string::npos);
    CHECK(refusal.json.size() < 1 << 20);
  }
}

TEST_CASE("lines and names of a megabyte are shown in part, with carets under the fault") {
  std::string name(1 << 20, 'd');
  Refusal refusal = refuse("model m(x: f32[B,2]) = x |> " + name + "[2]\n");
  CHECK(refusal.seconds < kSoon);
  CHECK(refusal.text.size() < kFewWords);
  Refusal far =
      refuse("model m(x: f32[B,2]) = x" + repeated(" |> relu", 1000) + " |> relo" + repeated(" |> tanh", 1000));
  auto words = [](std::string_view word, int count) { return repeated(fmt::format(" |> {}", word), count); };
  CHECK(far.text ==
        "long.tarn:1:8029: error: there is no `relo` here; did you mean `relu`? [name.unknown]\n    1 | ..." +
            words("relu", 7) + words("relo", 1) + words("tanh", 17) + "...\n      | " + std::string(63, ' ') +
            "^^^^\n");
}

static const std::string kData = "data d = csv(\"p.csv\") { x: f32[40000] = cols[0..40000]; y: f32[4] = cols[0..4] }\n";
static const std::string kTrain = "train m on d { loss = mse(m(x), y); optimizer = sgd(0.1); batch = 4 }\n";

TEST_CASE("models that are too large are refused with one message") {
  std::string doubling = "layer l0(x) = x |> dense[4]\n";
  for (int i = 0; i < 40; ++i) doubling += fmt::format("layer l{}(x) = x |> l{} |> l{}\n", i + 1, i, i);
  Refusal doubled = refuse(kData + doubling + "model m(x: f32[B,40000]) = x |> dense[4] |> l40\n" + kTrain);
  CHECK(doubled.seconds < 3 * kSoon);
  CHECK(doubled.text.find("more errors not shown") == std::string::npos);
  CHECK(doubled.text.find("[call.depth]") != std::string::npos);
  Refusal unrolled = refuse(kData +
                            "model m(x: f32[B,T]) {\n"
                            "  scan t in T unroll all, carry h: f32[B] = 0 { next h = tanh(h + x[t]); yield h }\n"
                            "  return x |> dense[4]\n}\n" +
                            kTrain);
  CHECK(unrolled.seconds < kSoon);
  CHECK(unrolled.text.find("unrolled 40000 times") != std::string::npos);
}
