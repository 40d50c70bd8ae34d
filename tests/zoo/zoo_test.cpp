// Every model of the zoo compiles and trains, to the bit the same on one and two threads.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "frontend/compile.h"
#include "tests/driver/command.h"
#include "tests/zoo/made_data.h"

namespace tarn {

static std::vector<std::string> zoo_files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TARN_SOURCE_DIR "/examples/zoo")) {
    if (entry.path().extension() == ".tarn") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

static std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

static Module compile_text(const std::string& text) {
  SourceManager sources;
  DiagnosticSink sink;
  uint32_t id = sources.add("program.tarn", text);
  std::optional<Module> module = compile_source(sources, id, {}, sink);
  REQUIRE_MESSAGE(module.has_value(), render_text(sink, sources, {}));
  return std::move(*module);
}

// What a program must hold to train alike: rows for a few full batches and a partial one, beside the other splits.
static int64_t rows_for(const Module& module) {
  constexpr int64_t kBatches = 3;
  const Record* data = module.find_record("data");
  double kept = 1;
  for (const char* key : {"valid", "test"}) {
    auto part = data->attrs.find(key);
    if (part != data->attrs.end() && std::holds_alternative<double>(part->second))
      kept -= std::get<double>(part->second);
  }
  int64_t batch = *batch_of(module);
  return static_cast<int64_t>(static_cast<double>(kBatches * batch + 3) / kept) + 20;
}

// Of the processes that this one has waited for: not the wall's, which others on the machine share.
static double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

static void check_program(const std::string& text) {
  Module module = compile_text(text);
  Workplace here;
  here.write("program.tarn", text);
  const double before = cpu_seconds();
  CommandResult built = here.tarn("build program.tarn -o program");
  REQUIRE_MESSAGE(built.exit_code == 0, built.output);
  const double seconds = cpu_seconds() - before;
  MESSAGE("compiled in " << seconds << " s of CPU time");
  // A model is to compile in 2 s, the transformer in 3 s.  A slow machine gets several times that, lest this fail
  // there; what it finds is a pass that has become quadratic.
  CHECK(seconds < 10);
  REQUIRE(here.shell("mkdir data").exit_code == 0);
  for (const MadeFile& file : make_data(module, rows_for(module))) here.write("data/" + file.name, file.bytes);
  auto train = [&](const std::string& flags) {
    CommandResult trained = here.shell("./program train --data data " + flags);
    CHECK_MESSAGE(trained.exit_code == 0, trained.output);
  };
  train("--epochs 2 --threads 1 --save one");
  train("--epochs 2 --threads 2 --save two");
  CHECK(here.shell("cmp one two").exit_code == 0);
  CommandResult evaluated = here.shell("./program eval --data data --split train --load one");
  CHECK_MESSAGE(evaluated.exit_code == 0, evaluated.output);
}

TEST_CASE("each file of the zoo trains to the same bits on one and two threads") {
  for (const std::string& name : zoo_files()) {
    CAPTURE(name);
    check_program(read_text(std::string(TARN_SOURCE_DIR) + "/examples/zoo/" + name + ".tarn"));
  }
}

TEST_CASE("augmentation draws the same on one and two threads") {
  check_program(
      "data d = cifar(\"*.bin\", valid = 0.2) { x: f32[3, 32, 32] = images / 255; y: class[10] = labels }\n"
      "model m(x: f32[B, 3, 32, 32]) = x |> random_crop[32, pad = 4] |> random_flip |> random_shift[[1, 2]]\n"
      "  |> avg_pool[4] |> flatten |> dense[10]\n"
      "train m on d { loss = cross_entropy(m(x), y); optimizer = sgd(lr = 0.1); batch = 20; shuffle; seed = 1 }\n");
}

}  // namespace tarn
