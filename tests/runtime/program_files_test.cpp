// What a run may write over, where its text goes, and who may save: as a user meets it.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "support.h"

static const std::string kIdx = getenv("FAKE_IDX") ? getenv("FAKE_IDX") : "./fake_idx";
static const std::string kCsv = getenv("FAKE_CSV") ? getenv("FAKE_CSV") : "./fake_csv";

// "none" under sanitizers, which take all addresses.
static const std::string kMalloc = getenv("FAKE_MALLOC") ? getenv("FAKE_MALLOC") : "./fake_malloc";

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A directory with data, weights and a file of the user's own; `words` must be refused and change no byte of it.
struct Place {
  Scratch scratch;
  Place() {
    scratch.write("iris.csv", csv_data(60));
    scratch.write("notes.txt", "of mine\n");
    REQUIRE(run(scratch.directory(), kCsv + " train --epochs 1 --quiet --save w").code == 0);
    scratch.write("x.npy", npy_bytes("<f4", "(2, 4)", std::string(32, '\0')));
    scratch.write("old.npy", npy_bytes("<f4", "(1, 1)", std::string(4, '\0')));
    for (const char* link : {"link.csv iris.csv", "link.npy x.npy", "link.txt notes.txt"})
      REQUIRE(run(scratch.directory(),
                  std::string("ln -s $(echo ") + link + " | cut -d' ' -f2) $(echo " + link + " | cut -d' ' -f1)")
                  .code == 0);
    REQUIRE(run(scratch.directory(), "ln w hard && mkdir dir && mkfifo pipe && mknod device c 1 3 || true").code == 0);
  }
  std::string listing() const { return run(scratch.directory(), "ls -lin --full-time; cat *.csv w *.npy *.txt").out; }
  void refuses(const std::string& words, const std::string& message) const {
    CAPTURE(words);
    std::string before = listing();
    Ran ran = run(scratch.directory(), kCsv + " " + words);
    CHECK(ran.code == 1);
    CAPTURE(ran.err);
    CHECK(contains(ran.err, message));
    CHECK(listing() == before);
  }
};

TEST_CASE("no output replaces what the command reads, another kind of file, or what is no plain file") {
  Place place;
  for (const char* flag : {"--save", "--log", "--profile"}) {
    std::string train = std::string("train ") + flag + " ";
    place.refuses(train + "iris.csv", "iris.csv: is the file of `data` of this command; name another file with");
    place.refuses(train + "link.csv", "is the file of `data`");
    place.refuses(train + "notes.txt", "notes.txt: is there already and is not ");
    place.refuses(train + "link.txt", "is there already and is not ");
    place.refuses(train + "dir", "dir: is a directory");
  }
  place.refuses("train --save pipe", "is not a plain file, and would be replaced");
  place.refuses("train --save /dev/null", "is not a plain file, and would be replaced");
  place.refuses("train --load w --save w", "is the file of `--load`");
  place.refuses("train --load w --save hard", "is the file of `--load`");
  place.refuses("train --save new --log new", "new: is the file of `--save`");
  place.refuses("train --save new --log l --profile ./l", "./l: is the file of `--log`");
  place.refuses("train --save old.npy", "old.npy: is there already and is not a checkpoint");
  std::string predict = "predict --load w --input x.npy --output ";
  place.refuses(predict + "w", "w: is the file of `--load`");
  place.refuses(predict + "x.npy", "x.npy: is the file of `--input`");
  place.refuses(predict + "link.npy", "is the file of `--input`");
  place.refuses(predict + "notes.txt", "is there already and is not an .npy file");
  place.refuses(predict + "dir", "is a directory");
}

TEST_CASE("what an earlier run wrote is replaced, and what is empty; a link stays a link") {
  Scratch scratch;
  scratch.write("iris.csv", csv_data(60));
  scratch.write("real", "");
  REQUIRE(run(scratch.directory(), "ln -s real link").code == 0);
  scratch.write("x.npy", npy_bytes("<f4", "(2, 4)", std::string(32, '\0')));
  for (int repeat = 0; repeat < 2; ++repeat) {
    Ran ran = run(scratch.directory(), kCsv + " train --epochs 2 --save link --log l --profile t");
    CAPTURE(ran.err);
    CHECK(ran.code == 0);
    CHECK(run(scratch.directory(), kCsv + " predict --load link --input x.npy --output y.npy").code == 0);
  }
  CHECK(std::filesystem::is_symlink(scratch.path("link")));
  CHECK(contains(run(scratch.directory(), kCsv + " info real").out, "tarn.finished"));
}

TEST_CASE("a device or a pipe is written where it is") {
  Scratch scratch;
  scratch.write("iris.csv", csv_data(60));
  REQUIRE(run(scratch.directory(), kCsv + " train --quiet --save w --log /dev/null --profile /dev/null").code == 0);
  struct stat facts = {};
  REQUIRE(stat("/dev/null", &facts) == 0);
  CHECK(S_ISCHR(facts.st_mode));
  Ran piped = run(scratch.directory(), kCsv + " train --quiet --save w --log /dev/stdout | grep -c event");
  CHECK(piped.out != "0\n");
  // Standard output is a file here: what stands in it before stays.
  Ran after =
      run(scratch.directory(), "{ echo before; " + kCsv + " train --quiet --save w --log /dev/stdout; } >> all");
  CHECK(after.code == 0);
  CHECK(scratch.read("all").find("before\n{\"event\":\"start\"") == 0);
  scratch.write("x.npy", npy_bytes("<f4", "(2, 4)", std::string(32, '\0')));
  REQUIRE(run(scratch.directory(), kCsv + " predict --load w --input x.npy --output y.npy").code == 0);
  for (const char* output : {"-", "/dev/stdout"}) {
    CHECK(run(scratch.directory(), kCsv + " predict --load w --input x.npy --output " + output + " > z.npy").code == 0);
    CHECK(scratch.read("z.npy") == scratch.read("y.npy"));
    CHECK(
        run(scratch.directory(), kCsv + " predict --load w --input x.npy --output " + output + " | cmp - y.npy").code ==
        0);
  }
  CHECK_FALSE(scratch.has("-"));
}

TEST_CASE("two runs, one file: the second is told who saves there, and both lose nothing") {
  Scratch scratch;
  write_idx_data(scratch, 60, 8);
  REQUIRE(run(scratch.directory(), "ln -s m link").code == 0);
  Child first = start(scratch.directory(), {kIdx, "train", "--save", "m", "--log", "l", "--delay", "600000"});
  for (int i = 0; i < 2000 && scratch.read("l").empty(); ++i) usleep(5000);
  for (const char* name : {"m", "./m", "link"}) {
    Ran second = run(scratch.directory(), kIdx + " train --save " + name);
    CHECK(second.code == 1);
    CHECK(contains(second.err, "another run (process " + std::to_string(first.pid) + ") saves there; give each run a"));
    CHECK(contains(second.err, "`--save OTHER.safetensors`"));
  }
  CHECK(run(scratch.directory(), kIdx + " train --save n").code == 0);
  // Nor does a second one write into the first one's log.
  Ran logged = run(scratch.directory(), kIdx + " train --save n --log l");
  CHECK(logged.code == 1);
  CHECK(contains(logged.err, "l: another run writes there"));
  CHECK(scratch.read("l").find("{\"event\":\"start\"") == 0);
  // However the first one ends, the file is free again.
  kill(first.pid, SIGKILL);
  CHECK(finish(first) == 128 + SIGKILL);
  CHECK(run(scratch.directory(), kIdx + " train --save m").code == 0);
  CHECK_FALSE(scratch.has("m.lock"));
}

TEST_CASE("a sweep in parallel under one name: some run saves whole, every other one says why it does not") {
  Scratch scratch;
  write_idx_data(scratch, 60, 8);
  for (int repeat = 0; repeat < 10; ++repeat) {
    std::vector<Child> children;
    for (int i = 0; i < 3; ++i) {
      std::string log = "l" + std::to_string(i);
      children.push_back(start(scratch.directory(), {kIdx, "train", "--delay", "1000", "--log", log}));
    }
    int saved = 0;
    for (Child child : children) {
      int code = finish(child);
      CHECK((code == 0 || code == 1));
      saved += code == 0;
    }
    CHECK(saved >= 1);
    CHECK(run(scratch.directory(), kIdx + " eval").code == 0);
    for (const auto& entry : std::filesystem::directory_iterator(scratch.directory()))
      CHECK(entry.path().string().find("fake_idx.safetensors.") == std::string::npos);
  }
}

TEST_CASE("what a killed run left half-written goes, and nothing else") {
  Scratch scratch;
  write_idx_data(scratch, 60, 8);
  for (const char* name : {"m.tmp-12-3", "m.epoch-4.tmp-12-3", "m.tmp-mine", "m2.tmp-12-3", "m.old.tmp-1-2"})
    scratch.write(name, "half");
  REQUIRE(run(scratch.directory(), kIdx + " train --quiet --save m").code == 0);
  CHECK_FALSE(scratch.has("m.tmp-12-3"));
  CHECK_FALSE(scratch.has("m.epoch-4.tmp-12-3"));
  for (const char* name : {"m.tmp-mine", "m2.tmp-12-3", "m.old.tmp-1-2"}) CHECK(scratch.has(name));
}

TEST_CASE("kept checkpoints of a linked file are checkpoints of their own") {
  Scratch scratch;
  scratch.write("iris.csv", csv_data(60));
  REQUIRE(run(scratch.directory(), "mkdir store && ln -s store/n m && ln -s m store/n").code == 0);
  for (int repeat = 0; repeat < 2; ++repeat) {
    REQUIRE(run(scratch.directory(), kCsv + " train --epochs 3 --quiet --save m").code == 0);
    CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(scratch.path("store/m"))));
    for (std::string epoch : {"1", "2", "3"}) {
      CHECK_FALSE(std::filesystem::is_symlink(scratch.path("m.epoch-" + epoch)));
      CHECK(contains(run(scratch.directory(), kCsv + " info m.epoch-" + epoch).out,
                     "tarn.epoch                   " + epoch + "\n"));
    }
  }
  // A file of the user's own under such a name stays.
  scratch.write("m.epoch-2", "of mine");
  Ran ran = run(scratch.directory(), kCsv + " train --epochs 3 --quiet --save m");
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "m.epoch-2: is there already and is not a checkpoint"));
  CHECK(scratch.read("m.epoch-2") == "of mine");
}

TEST_CASE("text that cannot be written is an error at the end; a reader that leaves is none") {
  Scratch scratch;
  scratch.write("iris.csv", csv_data(60));
  Ran train = run(scratch.directory(), kCsv + " train --save m > /dev/full");
  CHECK(train.code == 1);
  CHECK(contains(train.err, "error: standard output cannot be written: No space left on device"));
  CHECK(scratch.has("m"));  // the run itself went on
  for (const char* words : {"eval --load m", "info", "info m", "--help", "train --help"}) {
    CAPTURE(words);
    Ran ran = run(scratch.directory(), kCsv + " " + words + " > /dev/full");
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "No space left on device"));
  }
  CHECK(run(scratch.directory(), "{ " + kCsv + " train --save m; echo code $? >&2; } | true").err == "code 0\n");
}

TEST_CASE("with closed standard streams, no text lands in a file") {
  Scratch scratch;
  scratch.write("iris.csv", csv_data(60));
  CHECK(run(scratch.directory(), "sh -c '" + kCsv + " train --epochs 2 --save m --log l >&- 2>&- <&-'").code == 0);
  std::string log = scratch.read("l");
  CHECK(log.find("{\"event\":\"start\"") == 0);
  CHECK_FALSE(contains(log, "rows to train on"));
  CHECK(run(scratch.directory(), kCsv + " info m").code == 0);
}

TEST_CASE("without memory: one message and exit code 1, never an abort; what was saved stays" *
          doctest::skip(kMalloc == "none")) {
  Scratch scratch;
  scratch.write("iris.csv", csv_data(20000));
  REQUIRE(run(scratch.directory(), kCsv + " train --epochs 1 --quiet --save m").code == 0);
  std::string before = scratch.read("m");
  int refused = 0;
  // From too little to load the program, which it cannot influence, to enough.
  for (int size = 3000; size < 12000; size += 250) {
    CAPTURE(size);
    Ran ran = run(scratch.directory(),
                  "ulimit -v " + std::to_string(size) + "; exec " + kCsv + " train --resume m --epochs 2 --threads 1");
    if (ran.code == 0) break;
    if (ran.code == 127) continue;
    CHECK(ran.code == 1);
    CHECK((contains(ran.err, "out of memory") || contains(ran.err, "Cannot allocate memory")));
    CHECK(scratch.read("m") == before);
    ++refused;
  }
  CHECK(refused > 0);
}
