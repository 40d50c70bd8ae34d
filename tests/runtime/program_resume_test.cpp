// Killed, stopped and resumed runs against uninterrupted ones, bit for bit.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "random.h"
#include "support.h"

static const std::string kIdx = getenv("FAKE_IDX") ? getenv("FAKE_IDX") : "./fake_idx";
static const std::string kCsv = getenv("FAKE_CSV") ? getenv("FAKE_CSV") : "./fake_csv";
static const std::string kSteps = getenv("FAKE_STEPS") ? getenv("FAKE_STEPS") : "./fake_steps";

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

static uint32_t draw(uint32_t index, uint32_t below) {
  return static_cast<uint32_t>(tarn::runtime::random_bits(11, tarn::runtime::Stream::Shuffle, 1, index)) % below;
}

TEST_CASE("any number of threads gives the same file") {
  Scratch scratch;
  write_idx_data(scratch, 100, 8);
  std::string reference;
  for (const char* threads : {"1", "2", "3", "8"}) {
    REQUIRE(run(scratch.directory(), kIdx + " train --seed 5 --save m --threads " + threads).code == 0);
    if (reference.empty()) reference = scratch.read("m");
    CHECK(scratch.read("m") == reference);
  }
  REQUIRE(run(scratch.directory(), kIdx + " train --seed 6 --save m").code == 0);
  CHECK(scratch.read("m") != reference);
}

// Starts, signals after `microseconds`, resumes until it ends by itself; returns the rounds that were interrupted.
static int run_to_end(const Scratch& scratch, const std::string& program, int signal, uint32_t span, uint32_t salt) {
  int interrupted = 0;
  for (uint32_t round = 0; round < 200; ++round) {
    std::vector<std::string> words = {program, "train", "--save", "m", "--delay", "300", "--seed", "3"};
    if (scratch.has("m")) words.insert(words.end(), {"--resume", "m"});
    Child child = start(scratch.directory(), words);
    // Longer and longer: a slow machine must get past its start-up at last.
    usleep(draw(salt * 1000 + round, span + span * round / 8));
    kill(child.pid, signal);
    int code = finish(child);
    if (code == 0) return interrupted;
    CAPTURE(scratch.read("err.txt"));
    if (signal != SIGKILL && code != 128 + signal) REQUIRE(code == 75);
    if (signal == SIGKILL) REQUIRE(code == 128 + SIGKILL);
    ++interrupted;
    if (scratch.has("m")) REQUIRE(run(scratch.directory(), program + " info m").code == 0);
  }
  return -1;
}

TEST_CASE("kill -9 at any time: the file loads, and the resumed run ends in the same bits") {
  for (const std::string& program : {kIdx, kSteps}) {
    Scratch reference;
    write_idx_data(reference, 60, 8);
    REQUIRE(run(reference.directory(), program + " train --save m --delay 300 --seed 3").code == 0);
    int interrupted = 0;
    for (uint32_t repeat = 0; repeat < 4; ++repeat) {
      Scratch scratch;
      write_idx_data(scratch, 60, 8);
      int rounds = run_to_end(scratch, program, SIGKILL, 15000, repeat);
      REQUIRE(rounds >= 0);
      interrupted += rounds;
      CHECK(scratch.read("m") == reference.read("m"));
    }
    CHECK(interrupted >= 4);
  }
}

TEST_CASE("SIGTERM and SIGINT at any time: saved, exit 75, and the resumed run ends in the same bits") {
  for (int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    for (const std::string& program : {kIdx, kCsv, kSteps}) {
      Scratch reference, scratch;
      for (const Scratch* s : {&reference, &scratch}) {
        write_idx_data(*s, 60, 8);
        s->write("iris.csv", csv_data(60));
      }
      REQUIRE(run(reference.directory(), program + " train --save m --delay 300 --seed 3").code == 0);
      int rounds = run_to_end(scratch, program, signal, 20000, static_cast<uint32_t>(signal));
      CHECK(rounds >= 0);
      CHECK(scratch.read("m") == reference.read("m"));
    }
  }
}

TEST_CASE("a second SIGINT ends a program that cannot stop at once") {
  Scratch scratch;
  write_idx_data(scratch, 60, 8);
  Child child = start(scratch.directory(), {kIdx, "train", "--delay", "600000"});
  usleep(300000);
  kill(child.pid, SIGINT);
  usleep(50000);
  kill(child.pid, SIGINT);
  CHECK(finish(child) == 130);
}

TEST_CASE("a damaged checkpoint falls back to the one before and says so") {
  Scratch scratch;
  scratch.write("iris.csv", csv_data(60));
  REQUIRE(run(scratch.directory(), kCsv + " train --epochs 3 --save m").code == 0);
  REQUIRE(scratch.has("m.epoch-3"));
  std::string whole = scratch.read("m");
  scratch.write("m", whole.substr(0, whole.size() - 10));
  Ran ran = run(scratch.directory(), kCsv + " train --resume m --epochs 4");
  CHECK(ran.code == 0);
  CHECK(contains(ran.err, "(is it cut short?); going on from m.epoch-3"));
}

TEST_CASE("a run of steps ends within an epoch and goes on from there") {
  Scratch whole, parts;
  for (const Scratch* s : {&whole, &parts}) write_idx_data(*s, 60, 8);
  Ran ran = run(whole.directory(), kIdx + " train --steps 20 --save m");
  REQUIRE(ran.code == 0);
  CHECK(contains(ran.out, "20 steps, 6 an epoch"));
  CHECK(contains(ran.out, "after 20 steps"));
  Ran first = run(parts.directory(), kIdx + " train --steps 15 --save m");
  REQUIRE(first.code == 0);
  CHECK(contains(first.out, "after 15 steps"));
  CHECK(contains(run(parts.directory(), kIdx + " info m").out, "tarn.cursor                  3"));
  REQUIRE(run(parts.directory(), kIdx + " train --resume m --steps 20").code == 0);
  Ran info = run(parts.directory(), kIdx + " info m");
  CHECK(contains(info.out, "tarn.step                    20"));
}

TEST_CASE("resume refuses other data and goes on with more epochs") {
  Scratch scratch;
  write_idx_data(scratch, 60, 8);
  REQUIRE(run(scratch.directory(), kIdx + " train --epochs 2 --save m").code == 0);
  Ran more = run(scratch.directory(), kIdx + " train --epochs 3 --resume m --log l");
  CHECK(more.code == 0);
  CHECK(contains(more.out, "resumed at step 12, epoch 3 of 3"));
  write_idx_data(scratch, 70, 8);
  Ran other = run(scratch.directory(), kIdx + " train --epochs 4 --resume m");
  CHECK(other.code == 1);
  CHECK(contains(other.err, "was trained on other data (48 training rows there, 56 here)"));
}
