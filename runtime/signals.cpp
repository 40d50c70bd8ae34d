// SIGINT, SIGTERM, SIGHUP, SIGUSR1 -> a flag that every loop looks at.
#include "signals.h"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace tarn::runtime {

static volatile std::sig_atomic_t caught_signal = 0;

static void on_signal(int number) {
  if (caught_signal != 0 && number == SIGINT) _exit(128 + SIGINT);  // checkpoints are renamed whole: nothing is torn
  caught_signal = number;
}

void catch_signals() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (int number : {SIGINT, SIGTERM, SIGUSR1}) sigaction(number, &action, nullptr);
  struct sigaction before = {};
  // nohup ignores SIGHUP; then it stays ignored.
  if (sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a closed `| head` must not kill a training run
}

int stop_signal() {
  return caught_signal;
}

const char* stop_signal_name() {
  switch (caught_signal) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGHUP:
      return "SIGHUP";
    case SIGUSR1:
      return "SIGUSR1";
    default:
      return "a signal";
  }
}

void forget_signals() {
  caught_signal = 0;
}

}  // namespace tarn::runtime
