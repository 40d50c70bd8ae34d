// SIGINT, SIGTERM, SIGHUP, SIGUSR1 -> a flag that every loop looks at; a second SIGINT ends the process at once.
#pragma once

namespace tarn::runtime {

void catch_signals();
// The signal that asked to stop, or 0.
int stop_signal();
const char* stop_signal_name();
// For tests.
void forget_signals();

}  // namespace tarn::runtime
