// How the operands and results of a `scan` divide, and how its body's arguments and results do.
//
//   operands = initial carries, sequences [T,...], constants      results = final carries, stacked outputs [T,...]
//   body     : (carries, slices, constants) -> (next carries, outputs)
#pragma once

#include <map>
#include <string>

#include "ir/graph.h"

namespace tarn {

struct ScanParts {
  explicit ScanParts(const Op& op);

  std::string body;  // its function
  size_t carries = 0;
  size_t sequences = 0;
  size_t constants = 0;
  size_t outputs = 0;
  int64_t length = 0;    // T: how often the body runs
  bool reverse = false;  // from T-1 down to 0; slices and outputs keep their places

  // Positions among operands and body arguments alike.
  size_t sequence(size_t i) const { return carries + i; }
  size_t constant(size_t i) const { return carries + sequences + i; }
  bool is_sequence(size_t position) const { return position >= carries && position < carries + sequences; }
  // Position among results, of the op and of its body alike.
  size_t output(size_t i) const { return carries + i; }
};

bool is_scan(const Op& op);

// How many carries the loop of each body has.
std::map<std::string, size_t> carries_of_bodies(const Module& module);

// The type of a sequence of `length` slices, and of one slice of a sequence of rank 1 or more.
Type stacked_type(const Type& slice, int64_t length);
Type slice_type(const Type& sequence);

}  // namespace tarn
