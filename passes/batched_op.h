// One op on values -> the op that does the same for each slice of stacks [T, ...] of such values.
#pragma once

#include <vector>

#include "ir/builder.h"

namespace tarn {

bool can_batch(const Op& op);

// An operand of the batched op: a stack, or one value for all slices.
struct BatchedOperand {
  ValueId value;
  bool is_stack = false;
};
// At least one operand is a stack of `length` slices; the result is one.
ValueId batch_op(Builder& builder, const Op& op, const std::vector<BatchedOperand>& operands, int64_t length);

}  // namespace tarn
