// The programs as a user runs them: results, files, messages, exit codes.
#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>

#include "support.h"

static const std::string kIdx = getenv("FAKE_IDX") ? getenv("FAKE_IDX") : "./fake_idx";
static const std::string kCsv = getenv("FAKE_CSV") ? getenv("FAKE_CSV") : "./fake_csv";
static const std::string kSteps = getenv("FAKE_STEPS") ? getenv("FAKE_STEPS") : "./fake_steps";
// "none" under sanitizers, which have a malloc of their own.
static const std::string kMalloc = getenv("FAKE_MALLOC") ? getenv("FAKE_MALLOC") : "./fake_malloc";

static const std::string kHuge = getenv("FAKE_HUGE") ? getenv("FAKE_HUGE") : "./fake_huge";

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("train, then eval, predict and info") {
  Scratch scratch;
  write_idx_data(scratch, 210, 53);
  Ran ran = run(scratch.directory(), kIdx + " train --lr 0.5 --log run.jsonl --save m.safetensors --epochs 12");
  CAPTURE(ran.out);
  CHECK(ran.code == 0);
  CHECK(ran.err == "");
  CHECK(contains(ran.out, "168 rows to train on, 42 to validate, 53 to test; 12 epochs of 21 steps, seed 1"));
  CHECK(contains(ran.out, "epoch 12/12  loss "));
  CHECK(contains(ran.out, "  valid: loss "));
  CHECK_FALSE(contains(ran.out, "\r"));
  CHECK_FALSE(contains(ran.out, "\x1b"));
  size_t test_line = ran.out.find("test: loss ");
  REQUIRE(test_line != std::string::npos);
  CHECK(contains(ran.out.substr(test_line), "(53 rows)"));

  Ran eval = run(scratch.directory(), kIdx + " eval --load m.safetensors");
  CHECK(eval.code == 0);
  CHECK(eval.out == ran.out.substr(test_line));
  CHECK(contains(run(scratch.directory(), kIdx + " eval --load m.safetensors --split valid").out, "valid: loss "));

  std::string log = scratch.read("run.jsonl");
  for (const char* event : {"start", "epoch", "save", "test", "stop"})
    CHECK(contains(log, std::string("{\"event\":\"") + event + "\","));
  CHECK(contains(log, "\"hyper.lr\":0.5"));

  std::string images = scratch.read("t10k-images-idx3-ubyte").substr(16);
  scratch.write("x.npy", npy_bytes("|u1", "(53, 4, 4)", images));
  Ran predict = run(scratch.directory(), kIdx + " predict --load m.safetensors --input x.npy --output y.npy");
  CHECK(predict.code == 0);
  CHECK(predict.out == "y.npy: 53 rows\n");
  std::string y = scratch.read("y.npy");
  CHECK(contains(y, "'descr': '<f4', 'fortran_order': False, 'shape': (53, 3), }"));
  CHECK(y.size() % 64 == 53 * 12 % 64);
  Ran info = run(scratch.directory(), kIdx + " info");
  CHECK(contains(info.out, "out.w                        f32  [16,3]                       48"));
  CHECK(contains(run(scratch.directory(), kIdx + " info m.safetensors").out, "tarn.epoch                   12"));
}

TEST_CASE("loss of a split is exact though its last batch is partial") {
  Scratch scratch;
  write_idx_data(scratch, 40, 13);
  REQUIRE(run(scratch.directory(), kIdx + " train --epochs 1 --quiet").code == 0);
  // 13 rows as 13 data sets of one row: their mean must be the loss of the whole.
  std::string images = scratch.read("t10k-images-idx3-ubyte").substr(16),
              labels = scratch.read("t10k-labels-idx1-ubyte").substr(8);
  Ran whole = run(scratch.directory(), kIdx + " eval");
  double sum = 0;
  for (size_t row = 0; row < 13; ++row) {
    Scratch one;
    one.write("t10k-i", idx_bytes({1, 4, 4}, images.substr(row * 16, 16)));
    one.write("t10k-l", idx_bytes({1}, labels.substr(row, 1)));
    Ran ran = run(scratch.directory(), kIdx + " eval --data " + one.directory());
    REQUIRE(ran.code == 0);
    sum += atof(ran.out.c_str() + strlen("test: loss "));
  }
  CHECK(atof(whole.out.c_str() + strlen("test: loss ")) == doctest::Approx(sum / 13).epsilon(2e-4));
}

TEST_CASE("early stopping keeps the best weights; checkpoints are kept and pruned") {
  Scratch scratch;
  scratch.write("iris.csv", csv_data(150));
  Ran ran = run(scratch.directory(), kCsv + " train --log l");
  CAPTURE(ran.out);
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "y: 0 = ant, 1 = bee, 2 = cat"));
  CHECK(contains(ran.out, "stopping early"));
  CHECK(contains(ran.out, "keeping the weights of epoch "));
  int kept = 0;
  for (int epoch = 1; epoch <= 60; ++epoch) kept += scratch.has("fake_csv.safetensors.epoch-" + std::to_string(epoch));
  CHECK(kept == 3);
  // The file is the best model: eval agrees with what train said.
  CHECK(run(scratch.directory(), kCsv + " eval").out == ran.out.substr(ran.out.find("test: ")));
  // Resuming a finished run changes nothing.
  std::string before = scratch.read("fake_csv.safetensors");
  CHECK(run(scratch.directory(), kCsv + " train --resume fake_csv.safetensors").code == 0);
  CHECK(scratch.read("fake_csv.safetensors") == before);
}

TEST_CASE("a run of steps is evaluated, saved and reported by steps, and at its end") {
  Scratch scratch;
  write_idx_data(scratch, 60, 8);
  Ran ran = run(scratch.directory(), kSteps + " train --log l");
  CAPTURE(ran.out);
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "32 steps, 6 an epoch"));
  for (const char* line : {"step  7/32  loss", "step 14/32  loss", "step 21/32", "step 28/32", "step 32/32"})
    CHECK(contains(ran.out, line));
  CHECK(contains(ran.out, "keeping the weights of step "));
  std::string log = scratch.read("l");
  CHECK(contains(log, "{\"event\":\"evaluate\",\"epoch\":2,\"step\":7,"));
  CHECK(contains(log, "{\"event\":\"evaluate\",\"epoch\":6,\"step\":32,"));
  for (int step = 1; step <= 32; ++step)
    CHECK(scratch.has("fake_steps.safetensors.step-" + std::to_string(step)) == (step == 25 || step == 30));
}

TEST_CASE("NaN ends with exit code 3, naming op, line, tensor and step; the checkpoint stays") {
  Scratch scratch;
  write_idx_data(scratch, 40, 8);
  Ran ran = run(scratch.directory(), kIdx + " train --poison 2 --poison_step 6 --log l --threads 2");
  CHECK(ran.code == 3);
  CHECK(contains(ran.err, "fake_idx: error: diverged at step 7 (epoch 2): the loss is not finite\n"));
  CHECK(contains(ran.err, "`log` at fake.tarn:7:12 made NaN in `%z` (element 7 of 24, kernel `out.forward`)"));
  CHECK(contains(ran.err, "    log at fake.tarn:7:12\n    div at fake.tarn:7:20"));
  CHECK(contains(ran.err, "the last checkpoint is untouched: fake_idx.safetensors"));
  CHECK(contains(scratch.read("l"), "\"reason\":\"diverged\""));
  CHECK(contains(run(scratch.directory(), kIdx + " info fake_idx.safetensors").out, "tarn.epoch                   1"));
}

TEST_CASE("weights that an update made infinite are not saved") {
  Scratch scratch;
  write_idx_data(scratch, 40, 8);
  Ran ran = run(scratch.directory(), kIdx + " train --lr 1e300");
  CHECK(ran.code == 3);
  CHECK(contains(ran.err, "holds "));
  CHECK(contains(ran.err, "update"));
  CHECK_FALSE(scratch.has("fake_idx.safetensors"));
}

TEST_CASE("data that are not finite are named by row") {
  Scratch scratch;
  Ran ran;
  scratch.write("iris.csv", csv_data(30) + "1,inf,3,4,ant\n");
  ran = run(scratch.directory(), kCsv + " train");
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "iris.csv:31: column 1: `inf` is not a number"));
}

TEST_CASE("errors: one clear message, exit code 1; usage: 2") {
  Scratch scratch;
  write_idx_data(scratch, 40, 8);
  auto err = [&](const std::string& words, int code) {
    Ran ran = run(scratch.directory(), kIdx + " " + words);
    CHECK(ran.code == code);
    CHECK(ran.err.find("fake_idx: error: ") == 0);
    return ran.err;
  };
  CHECK(contains(err("", 2), "which command?"));
  CHECK(contains(err("train --dataa x", 2), "did you mean `--data`?"));
  CHECK(contains(err("train --data nowhere", 1), "nowhere: no such directory"));
  CHECK(contains(err("train --save no/dir/f", 1), "no/dir/f: cannot save there: No such file or directory"));
  CHECK(contains(err("train --log no/dir/f", 1), "no/dir/f: cannot be written"));
  CHECK(contains(err("train --resume gone", 1), "gone: cannot be opened: No such file"));
  CHECK(contains(err("train --resume a --load b", 2), "exclude each other"));
  CHECK(contains(err("eval", 2), "there is no fake_idx.safetensors here"));
  CHECK(contains(err("predict --input x.npy", 2), "needs `--output"));
  scratch.write("bad.safetensors", "rubbish");
  CHECK(contains(err("eval --load bad.safetensors", 1), "bad.safetensors: byte 0: is too short"));
  REQUIRE(run(scratch.directory(), kIdx + " train --epochs 1 --quiet").code == 0);
  scratch.write("x.npy", npy_bytes("<f4", "(2, 5)", std::string(40, '\0')));
  CHECK(contains(err("predict --input x.npy --output y.npy", 1),
                 "x.npy: shape [2,5], but input `x` takes rows of [4,4]"));
  CHECK(contains(err("predict --input z=x.npy --output y.npy", 2), "no input `z`"));
  scratch.write("images.npy", npy_bytes("|u1", "(2, 4, 4)", std::string(32, '\0')));
  scratch.write("labels.npy", npy_bytes("|u1", "(2,)", std::string("\1\3", 2)));
  CHECK(contains(err("predict --input x=images.npy --input y=labels.npy --output y.npy", 1),
                 "labels.npy: row 1: label 3 is not one of the 3 classes 0..2"));
  CHECK_FALSE(scratch.has("y.npy"));
  CHECK(contains(err("eval --split all", 2), "expected test, valid or train"));
}

TEST_CASE("quiet prints the result only; a profile is a trace") {
  Scratch scratch;
  write_idx_data(scratch, 40, 8);
  Ran ran = run(scratch.directory(), kIdx + " train --quiet --profile t.json");
  CHECK(ran.code == 0);
  CHECK(ran.out.find("test: loss") == 0);
  std::string trace = scratch.read("t.json");
  CHECK(contains(trace, "\"name\":\"out.forward\",\"cat\":\"kernel\""));
  CHECK(contains(trace, "\"name\":\"train_step\",\"cat\":\"entry\""));
  CHECK(contains(run(scratch.directory(), kIdx + " train --profile t.json").out, "kernel\n"));
}

TEST_CASE("nothing is allocated in 1000 steps" * doctest::skip(kMalloc == "none")) {
  Scratch scratch;
  write_idx_data(scratch, 11000, 8);
  for (const char* threads : {"1", "3"}) {
    Ran ran = run(scratch.directory(), kMalloc + " train --epochs 1 --threads " + threads);
    CHECK(ran.code == 0);
    CHECK(ran.err == "no allocation in 1000 steps\n");
  }
}

TEST_CASE("a model larger than memory tells of itself, and of the memory that it lacks") {
  Scratch scratch;
  scratch.write("iris.csv", csv_data(30));
  Ran info = run(scratch.directory(), kHuge + " info");
  CHECK(info.code == 0);
  CHECK(contains(info.out, "arena       4611686018427387904 bytes"));
  Ran train = run(scratch.directory(), kHuge + " train");
  CHECK(train.code == 1);
  CHECK(train.err == "fake_csv: error: there is no memory for the arena of 4611686018427387904 bytes\n");
}

TEST_CASE("profiles and the search for a NaN are the same for any number of threads") {
  Scratch scratch;
  write_idx_data(scratch, 64, 8);
  std::string diverged;
  for (const char* threads : {"1", "2", "3"}) {
    std::string flags = std::string(" train --epochs 2 --threads ") + threads;
    Ran profiled =
        run(scratch.directory(), "timeout 60 " + kIdx + flags + " --profile trace.json --save m.safetensors");
    CHECK(profiled.code == 0);
    for (const char* kernel : {"out.forward", "softmax", "loss", "update"}) CHECK(contains(profiled.out, kernel));
    Ran ran =
        run(scratch.directory(), "timeout 60 " + kIdx + flags + " --poison 2 --poison_step 3 --save n.safetensors");
    CHECK(ran.code == 3);
    CHECK(contains(ran.err, "`log` at fake.tarn:7:12 made NaN in `%z` (element 7 of 24, kernel `out.forward`)"));
    if (diverged.empty()) diverged = ran.err;
    CHECK(ran.err == diverged);
  }
}
