// A fixed team of threads that does a job together: one wake a job, barriers within, no allocation.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "device_host.h"
#include "result.h"

namespace tarn::runtime {

// The caller of run() is thread 0; the others wait parked.  Waiting spins for a bounded time, then sleeps on a futex,
// so that a team larger than the machine still gets on.
class Team {
 public:
  static Result<std::unique_ptr<Team>> create(unsigned threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  unsigned threads() const { return threads_; }
  // Every thread does the job; returns thread 0's answer once all have returned.
  int32_t run(tarn_job job, void* context);

 private:
  struct Member {
    tarn_team view;  // first: a barrier gets back to its team from here
    Team* team;
    pthread_t handle;
  };
  // A number that threads wait on to change.
  struct alignas(64) Gate {
    std::atomic<uint32_t> value{0};
    std::atomic<uint32_t> sleepers{0};
  };

  explicit Team(unsigned threads);
  static void barrier(tarn_team* view);
  static void* work(void* member);
  void meet();
  void wait_for_change(Gate& gate, uint32_t old);
  static void open(Gate& gate, uint32_t value);

  unsigned threads_;
  int spins_;
  std::vector<Member> members_;
  unsigned started_ = 1;
  Gate start_, phase_;
  alignas(64) std::atomic<uint32_t> arrived_{0};
  tarn_job job_ = nullptr;
  void* context_ = nullptr;
  bool stop_ = false;
};

// Processors that this process may use.
unsigned usable_processors();
// Threads that pay for the model: one per 8 MFLOP of a train step (about 0.2 ms of one core, some 100 barriers), at
// most the processors.  Any number gives the same bits.
unsigned sensible_threads(const tarn_program& program);

}  // namespace tarn::runtime
