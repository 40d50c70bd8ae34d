// A walk backwards over the ops.
#include "frontend/reach.h"

#include "ir/op_def.h"

namespace tarn {

static bool passes_gradient(const Op& op) {
  if (op.def->name == "grad") return true;  // a gradient of a gradient
  bool is_flat =
      op.def->name == "stop_gradient" || op.def->name == "floor" || op.def->name == "round" || op.def->name == "sign";
  return op.def->vjp != nullptr && !is_flat;
}

std::vector<bool> gradient_reach(const Func& func, ValueId loss) {
  std::vector<bool> reached(func.values.size(), false);
  reached[loss.index] = true;
  for (auto op = func.ops.rbegin(); op != func.ops.rend(); ++op) {
    bool is_reached = false;
    for (ValueId result : op->results) is_reached = is_reached || reached[result.index];
    if (!is_reached || !passes_gradient(*op)) continue;
    for (ValueId operand : op->operands) {
      if (is_float(func.type(operand).dtype)) reached[operand.index] = true;
    }
  }
  return reached;
}

}  // namespace tarn
