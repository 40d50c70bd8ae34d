// A fixed team of threads that does a job together: one wake a job, barriers within, no allocation.
#include "team.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstring>

#include "text.h"

namespace tarn::runtime {

static void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

unsigned usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

unsigned sensible_threads(const tarn_program& program) {
  const tarn_entry& entry = program.train_step.run != nullptr ? program.train_step : program.predict;
  double flops = 0;
  for (uint32_t i = 0; i < entry.kernel_count; ++i) flops += entry.kernels[i].flops;
  return std::clamp(static_cast<unsigned>(std::min(flops / 8e6, 1e6)), 1u, usable_processors());
}

// A pause is 40-140 cycles: 500 are about 10-30 us, a barrier's usual wait.  Larger teams than processors must not
// burn the time of the thread they wait for.
Team::Team(unsigned threads) : threads_(threads), spins_(threads <= usable_processors() ? 500 : 10), members_(threads) {
  for (unsigned i = 0; i < threads; ++i) {
    members_[i].view = tarn_team{i, threads, barrier, nullptr, nullptr, {}};
    members_[i].team = this;
  }
}

Result<std::unique_ptr<Team>> Team::create(unsigned threads) {
  std::unique_ptr<Team> team(new Team(threads));
  // Signals are for the main thread: workers start with all of them blocked.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = 0;
  for (; team->started_ < threads && code == 0; team->started_ += code == 0)
    code = pthread_create(&team->members_[team->started_].handle, nullptr, work, &team->members_[team->started_]);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (code != 0) return Error{format("cannot start %u threads: %s", threads, strerror(code))};
  return team;
}

Team::~Team() {
  stop_ = true;
  open(start_, start_.value.load() + 1);
  for (unsigned i = 1; i < started_; ++i) pthread_join(members_[i].handle, nullptr);
}

// A sleeper counts itself before the kernel re-checks the value, and the opener looks for sleepers after it changed
// the value (both sequentially consistent): no wake is lost.
void Team::wait_for_change(Gate& gate, uint32_t old) {
  for (int spin = 0; spin < spins_; ++spin) {
    if (gate.value.load(std::memory_order_acquire) != old) return;
    pause_briefly();
  }
  gate.sleepers.fetch_add(1);
  while (gate.value.load() == old) syscall(SYS_futex, &gate.value, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
  gate.sleepers.fetch_sub(1);
}

void Team::open(Gate& gate, uint32_t value) {
  gate.value.store(value);
  if (gate.sleepers.load() != 0) syscall(SYS_futex, &gate.value, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

// The phase cannot move on before this thread has arrived, so reading it first is safe.
void Team::meet() {
  uint32_t phase = phase_.value.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
    arrived_.store(0, std::memory_order_relaxed);
    open(phase_, phase + 1);
  } else {
    wait_for_change(phase_, phase);
  }
}

void Team::barrier(tarn_team* view) {
  reinterpret_cast<Member*>(view)->team->meet();
}

void* Team::work(void* argument) {
  auto* member = static_cast<Member*>(argument);
  Team& team = *member->team;
  for (uint32_t seen = 0;; ++seen) {
    team.wait_for_change(team.start_, seen);
    if (team.stop_) return nullptr;
    team.job_(team.context_, &member->view);
    team.meet();
  }
}

int32_t Team::run(tarn_job job, void* context) {
  if (threads_ == 1) return job(context, &members_[0].view);
  job_ = job;
  context_ = context;
  open(start_, start_.value.load(std::memory_order_relaxed) + 1);
  int32_t code = job(context, &members_[0].view);
  meet();
  return code;
}

}  // namespace tarn::runtime
