// The thread team: barriers hold, results do not depend on its size, oversubscription ends.
#include <doctest/doctest.h>

#include <atomic>
#include <cstring>

#include "fake_program.h"
#include "model.h"
#include "team.h"

using namespace tarn::runtime;

static constexpr int kRounds = 200;
static constexpr int kMost = 16;

// Every thread counts itself in, meets, and checks that all others have.
static int32_t count_in(unsigned char* arena, tarn_team* team) {
  auto* counts = reinterpret_cast<std::atomic<uint32_t>*>(arena);
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
  tarn_entry entry{count_in, 0, 0, nullptr};
  for (unsigned threads : {1u, 2u, 3u, 4u, 8u}) {
    Result<std::unique_ptr<Team>> team = Team::create(threads);
    REQUIRE(team);
    for (int repeat = 0; repeat < 5; ++repeat) {
      std::atomic<uint32_t> arena[kRounds + 1] = {};
      CHECK((*team)->run(entry, reinterpret_cast<unsigned char*>(arena)) == 7);
      CHECK(arena[kRounds].load() == 0);
      CHECK(arena[kRounds - 1].load() == threads);
    }
  }
}

TEST_CASE("a team that is never run, or runs after a pause, ends") {
  for (int i = 0; i < 20; ++i) CHECK(Team::create(4));
  Result<std::unique_ptr<Team>> team = Team::create(2);
  tarn_entry entry{count_in, 0, 0, nullptr};
  for (int i = 0; i < 3; ++i) {
    std::atomic<uint32_t> arena[kRounds + 1] = {};
    struct timespec pause = {0, 3000000};  // long enough for the workers to sleep
    nanosleep(&pause, nullptr);
    (*team)->run(entry, reinterpret_cast<unsigned char*>(arena));
    CHECK(arena[kRounds].load() == 0);
  }
}

TEST_CASE("training steps give the same bits for any number of threads") {
  std::string reference;
  for (unsigned threads : {1u, 2u, 3u, 4u}) {
    Model model = std::move(*Model::create(fake_idx_program));
    std::unique_ptr<Team> team = std::move(*Team::create(threads));
    model.scalar(TARN_SEED) = 5;
    team->run(fake_idx_program.init, model.arena());
    const tarn_tensor& x = *model.inputs()[0];
    for (uint64_t i = 0; i < x.bytes; ++i) model.data(x)[i] = static_cast<unsigned char>(i * 37);
    model.scalar(TARN_COUNT) = 7;
    for (int step = 0; step < 50; ++step) CHECK(team->run(fake_idx_program.train_step, model.arena()) == 0);
    std::string bytes(reinterpret_cast<char*>(model.arena()), fake_idx_program.persistent_bytes);
    if (threads == 1) reference = bytes;
    CHECK(bytes == reference);
  }
}

TEST_CASE("trace is called once per kernel, by thread 0") {
  Model model = std::move(*Model::create(fake_idx_program));
  std::unique_ptr<Team> team = std::move(*Team::create(3));
  model.scalar(TARN_COUNT) = 8;
  team->run(fake_idx_program.init, model.arena());
  std::vector<uint32_t> seen;
  team->set_trace(
      [](tarn_team* view, uint32_t kernel) {
        CHECK(view->thread == 0);
        static_cast<std::vector<uint32_t>*>(view->user)->push_back(kernel);
      },
      &seen);
  team->run(fake_idx_program.train_step, model.arena());
  CHECK(seen == std::vector<uint32_t>{0, 1, 2, 3});
  team->set_trace(nullptr, nullptr);
  team->run(fake_idx_program.train_step, model.arena());
  CHECK(seen.size() == 4);
}
