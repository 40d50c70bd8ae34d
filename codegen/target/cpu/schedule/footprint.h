// How much memory an operand of a nest covers, for the choice of tiles, loop order and blocks.
#pragma once

#include <functional>

#include "codegen/kernel/facts.h"

namespace tarn {

// A packed panel, or the partial sums of a group of tiles, lie on the stack, which may be small in a thread of an
// embedding program.
constexpr int64_t kPackedBytes = 128 << 10;
constexpr int64_t kPartialBytes = 64 << 10;

// A load that a tile repeats.
struct Operand {
  ScalarIndex scalar = 0;
  std::vector<IndexExpression::Term> terms;  // of its flat address, by increasing stride
  int64_t element_bytes = 4;

  bool depends_on(VariableIndex variable) const;
  // Bytes touched while each variable takes `extent(variable)` neighbouring values.  Sliding windows overlap.
  double bytes(const std::function<int64_t(VariableIndex)>& extent) const;
};

// `scalar` is left 0.
Operand operand_of(const Kernel& kernel, const Access& access);

// The simple loads of a reduction's body that change from step to step.
std::vector<Operand> operands_of(const Kernel& kernel, const ReduceLoop& loop);

}  // namespace tarn
