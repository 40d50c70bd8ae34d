// A walk backwards over the ops, through loops as often as their carries say.
#include "frontend/reach.h"

#include "ir/op_def.h"
#include "ir/scan.h"

namespace tarn {

static bool passes_gradient(const Op& op) {
  if (op.def->name == "grad") return true;  // a gradient of a gradient
  bool is_flat =
      op.def->name == "stop_gradient" || op.def->name == "floor" || op.def->name == "round" || op.def->name == "sign";
  return op.def->vjp != nullptr && !is_flat;
}

static void walk(const Module& module, const Func& func, std::vector<bool>& reached);

// A carry that is reached is reached by what it becomes in the next iteration.
static void walk_loop(const Module& module, const Func& func, const Op& op, std::vector<bool>& reached) {
  ScanParts parts(op);
  const Func& body = *module.find(parts.body);
  std::vector<bool> results;
  for (ValueId result : op.results) results.push_back(reached[result.index]);
  std::vector<bool> inside;
  for (bool changed = true; changed;) {
    changed = false;
    inside.assign(body.values.size(), false);
    for (size_t r = 0; r < results.size(); ++r) {
      if (results[r]) inside[body.results[r].value.index] = true;
    }
    walk(module, body, inside);
    for (size_t c = 0; c < parts.carries; ++c) {
      if (!inside[body.args[c].value.index] || results[c]) continue;
      results[c] = changed = true;
    }
  }
  for (size_t i = 0; i < op.operands.size(); ++i) {
    bool is_reached = inside[body.args[i].value.index] || (i < parts.carries && results[i]);
    if (is_reached && is_float(func.type(op.operands[i]).dtype)) reached[op.operands[i].index] = true;
  }
}

static void walk(const Module& module, const Func& func, std::vector<bool>& reached) {
  for (auto op = func.ops.rbegin(); op != func.ops.rend(); ++op) {
    bool is_reached = false;
    for (ValueId result : op->results) is_reached = is_reached || reached[result.index];
    if (is_reached && is_scan(*op)) walk_loop(module, func, *op, reached);
    if (!is_reached || !passes_gradient(*op)) continue;
    for (ValueId operand : op->operands) {
      if (is_float(func.type(operand).dtype)) reached[operand.index] = true;
    }
  }
}

std::vector<bool> gradient_reach(const Module& module, const Func& func, ValueId loss) {
  std::vector<bool> reached(func.values.size(), false);
  reached[loss.index] = true;
  walk(module, func, reached);
  return reached;
}

}  // namespace tarn
