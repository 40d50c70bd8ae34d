// The thread team: barriers hold, results do not depend on its size, oversubscription ends.
#include <doctest/doctest.h>

#include <atomic>
#include <cstring>

#include "fake_program.h"

#include "team.h"
#include "test_model.h"

using namespace tarn::runtime;

static constexpr int kRounds = 200;
static constexpr int kMost = 16;

// Every thread counts itself in, meets, and checks that all others have.
static int32_t count_in(void* context, tarn_team* team) {
  auto* counts = static_cast<std::atomic<uint32_t>*>(context);
  auto* errors = counts + kRounds;
  for (int round = 0; round < kRounds; ++round) {
    counts[round].fetch_add(1);
    if (team->threads > 1) team->barrier(team);
    if (counts[round].load() != team->threads) errors->fetch_add(1);
    if (team->threads > 1) team->barrier(team);
  }
  return team->thread == 0 ? 7 : 0;
}

TEST_CASE("all threads meet at every barrier, also with more threads than processors") {
  for (unsigned threads : {1u, 2u, 3u, 4u, 8u}) {
    Result<std::unique_ptr<Team>> team = Team::create(threads);
    REQUIRE(team);
    for (int repeat = 0; repeat < 5; ++repeat) {
      std::atomic<uint32_t> counts[kRounds + 1] = {};
      CHECK((*team)->run(count_in, counts) == 7);
      CHECK(counts[kRounds].load() == 0);
      CHECK(counts[kRounds - 1].load() == threads);
    }
  }
}

TEST_CASE("a team that is never run, or runs after a pause, ends") {
  for (int i = 0; i < 20; ++i) CHECK(Team::create(4));
  Result<std::unique_ptr<Team>> team = Team::create(2);
  for (int i = 0; i < 3; ++i) {
    std::atomic<uint32_t> counts[kRounds + 1] = {};
    struct timespec pause = {0, 3000000};  // long enough for the workers to sleep
    nanosleep(&pause, nullptr);
    (*team)->run(count_in, counts);
    CHECK(counts[kRounds].load() == 0);
  }
}

TEST_CASE("training steps give the same bits for any number of threads") {
  std::string reference;
  for (unsigned threads : {1u, 2u, 3u, 4u}) {
    std::unique_ptr<Team> team = std::move(*Team::create(threads));
    Model model = make_model(fake_idx_program, team.get());
    model.set_scalar(TARN_SEED, 5);
    REQUIRE(model.run(fake_idx_program.init) == TARN_OK);
    set_zero_rows(model, 7);
    const tarn_tensor& x = *model.inputs()[0];
    unsigned char* rows = model.begin_rows(x);
    for (uint64_t i = 0; i < x.bytes; ++i) rows[i] = static_cast<unsigned char>(i * 37);
    model.end_rows(x, rows, 7);
    for (int step = 0; step < 50; ++step) CHECK(model.run(fake_idx_program.train_step) == TARN_OK);
    uint64_t size = fake_idx_program.persistent_bytes;
    std::string bytes(reinterpret_cast<const char*>(model.view(0, size)), size);
    if (threads == 1) reference = bytes;
    CHECK(bytes == reference);
  }
}

TEST_CASE("an observer is told of each kernel once, whatever the team") {
  for (unsigned threads : {1u, 2u, 3u}) {
    std::unique_ptr<Team> team = std::move(*Team::create(threads));
    Model model = make_model(fake_idx_program, team.get());
    REQUIRE(model.run(fake_idx_program.init) == TARN_OK);
    set_zero_rows(model, 8);
    std::vector<uint32_t> seen;
    tarn_observer observer{[](void* user, uint32_t kernel, const uint64_t*) {
                             static_cast<std::vector<uint32_t>*>(user)->push_back(kernel);
                           },
                           &seen};
    CHECK(model.run(fake_idx_program.train_step, &observer) == TARN_OK);
    CHECK(seen == std::vector<uint32_t>{0, 1, 2, 3});
    CHECK(model.run(fake_idx_program.train_step) == TARN_OK);
    CHECK(seen.size() == 4);
  }
}
