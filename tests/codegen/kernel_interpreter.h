// Runs a program's kernels by walking their loops, in f64: tells apart what lowering and the memory plan did wrong from
// what a target did wrong.
#pragma once

#include <string>
#include <vector>

#include "codegen/program/program.h"

namespace tarn {

// Memory of one instance: for each byte address a number, held at an element's first byte.  Everything else is NaN, so
// reading what nobody stored, or what something else was stored over, shows.
class SimulatedArena {
 public:
  explicit SimulatedArena(const Program& program);

  void set(const std::string& tensor, const std::vector<double>& elements);
  std::vector<double> get(const std::string& tensor) const;

  // Runs all steps of an entry point in order; a check lets everything pass.
  void run(const ProgramEntry& entry);

 private:
  friend class KernelRun;

  const ProgramTensor& find(const std::string& tensor) const;
  void store(uint64_t address, int64_t bytes, double value);
  void run_steps(const std::vector<Step>& steps);
  void run_copy(const CopyStep& copy);

  const Program& program_;
  std::vector<double> memory_;
  std::vector<int64_t> iterations_;  // of the loops around, outermost first
};

}  // namespace tarn
