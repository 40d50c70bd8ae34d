// How a run looks: one live line on a terminal, plain lines elsewhere, results as lines in both.
#pragma once

#include <cstdint>
#include <string>

#include "model.h"
#include "result.h"
#include "run_state.h"

namespace tarn::runtime {

// Seconds of a clock that only goes forward.
double now_seconds();

// What the live line says; all means are since the last evaluation.
struct Moment {
  int64_t epoch, epochs;   // epoch counted from 1
  int64_t batch, batches;  // of this epoch; or of the whole run, where its length is a number of steps
  bool has_epochs;         // whether the line names the epoch
  int64_t steps_left;      // of the whole run
  int64_t steps_run;       // since this process began
  const Totals* totals;
};

class Progress {
 public:
  // Looks at standard output: a terminal that is not dumb gets the live line; colour too, unless NO_COLOR is set.
  explicit Progress(bool quiet);

  // Called after every step; prints seldom (10 times a second on a terminal, every 10 s elsewhere).  No allocation.
  void step(const Model& model, const Moment& moment);
  // A line that stays.  Nothing where quiet.
  void line(const std::string& text);
  // A line that stays, quiet or not.
  void result(const std::string& text);
  void warning(const char* program, const std::string& text);
  // An error where some of the text to standard output was lost; a pipe that its reader closed is none.
  Status written() const;
  bool quiet() const { return quiet_; }
  const char* dim() const { return colour_ ? "\x1b[2m" : ""; }
  const char* bold() const { return colour_ ? "\x1b[1m" : ""; }
  const char* plain() const { return colour_ ? "\x1b[0m" : ""; }

 private:
  void clear();
  void show(const char* bytes, size_t count);

  bool quiet_, live_, colour_;
  bool shown_ = false;
  int error_ = 0;
  double began_, next_;
};

}  // namespace tarn::runtime
