// Estimated cycles of kernel code for each choice of the vector variable.  Rough on purpose: it has to rank choices
// that differ by factors (contiguous against gathered), not to predict.
#include <algorithm>

#include "codegen/target/cpu/schedule/planner.h"

namespace tarn {

namespace {

// Lanes of a scatter this far apart share a cache set.
constexpr int64_t kFarBytes = 1024;

bool calls_library(ScalarOp op, DType dtype) {
  return op == ScalarOp::Pow || (is_function(op) && dtype == DType::F64);
}

}  // namespace

double Planner::compute_cycles(const Compute& node, const Lanes& lanes) const {
  DType dtype = kernel_.scalars[node.operands[0]];
  int width = varies(node.result, lanes) ? lanes.lanes : 1;
  double bytes = static_cast<double>(width) * static_cast<double>(dtype_bytes(dtype));
  double registers = std::max(1.0, bytes / static_cast<double>(target_.vector_bytes));
  if (calls_library(node.op, dtype)) return target_.library_call * width;
  if (is_function(node.op)) return target_.polynomial * registers;
  if (node.op == ScalarOp::Div && !is_float(dtype)) return target_.library_call * width;
  if (node.op == ScalarOp::Div || node.op == ScalarOp::Sqrt) return target_.division * registers;
  return target_.arithmetic_cycles(bytes);
}

double Planner::access_cycles(const Access& access, const Lanes& lanes, bool is_store) const {
  double guard = is_simple(access) ? 0 : target_.guard;
  bool is_gathered = false;
  for (const IndexExpression& index : access.indices) {
    for (const auto& loaded : index.loaded) is_gathered |= varies(loaded.scalar, lanes);
  }
  if (lanes.lanes == 1 || !(is_gathered || variables_of(access)[lanes.variable]))
    return guard + (is_store ? target_.store_cycles(0) : target_.load_cycles(0));
  int64_t bytes = dtype_bytes(kernel_.buffers[access.buffer].type.dtype);
  bool contiguous = false;
  bool divides = is_gathered;
  for (const IndexExpression& index : access.indices) divides |= index.divisor != 1;
  if (!divides) contiguous = flat_address(kernel_, access).stride(lanes.variable) == 1;
  if (contiguous) {
    auto all = static_cast<double>(lanes.lanes * bytes);
    return guard + (is_store ? target_.store_cycles(all) : target_.load_cycles(all));
  }
  int64_t stride = divides ? 0 : flat_address(kernel_, access).stride(lanes.variable);
  bool is_interleaved = stride >= 2 && stride <= target_.max_interleaved;
  if (is_store && is_interleaved && interleaved_by(access, lanes.variable)) return guard + 2;
  if (!is_store && is_interleaved) return guard + static_cast<double>(stride) * 1.5 - 1;
  if (is_store && std::abs(stride * bytes) >= kFarBytes) return guard + 2 + lanes.lanes * target_.far_lane;
  double lane = is_store ? target_.scatter_lane : target_.has_gather ? target_.gather_lane : target_.load_lane;
  return guard + 2 + lanes.lanes * lane;
}

double Planner::steps_of(const std::vector<VariableIndex>& variables) const {
  double steps = 1;
  for (VariableIndex variable : variables) steps *= static_cast<double>(extent(variable));
  return steps;
}

double Planner::reduce_cycles(const ReduceLoop& loop, const Lanes& lanes) const {
  if (lanes.lanes == 1) {
    double best = 0;
    choose_vector(loop, &best);
    return best;
  }
  return steps_of(loop.variables) * (block_cycles(loop.body, lanes) + 0.5);
}

double Planner::for_cycles(const ForLoop& loop, const Lanes& lanes) const {
  PerfectNest nest = perfect_nest(loop);
  if (lanes.lanes == 1) {
    double best = 0;
    choose_vector(nest, &best);
    return best;
  }
  return steps_of(nest.variables) * block_cycles(*nest.body, lanes);
}

double Planner::statement_cycles(const Statement& statement, const Lanes& lanes) const {
  if (const Compute* node = std::get_if<Compute>(&statement.node)) return compute_cycles(*node, lanes);
  if (const Load* node = std::get_if<Load>(&statement.node)) return access_cycles(node->access, lanes, false);
  if (const Store* node = std::get_if<Store>(&statement.node)) return access_cycles(node->access, lanes, true);
  if (const ReduceLoop* node = std::get_if<ReduceLoop>(&statement.node)) return reduce_cycles(*node, lanes);
  if (const ForLoop* node = std::get_if<ForLoop>(&statement.node)) return for_cycles(*node, lanes);
  return 0;
}

double Planner::block_cycles(const Block& block, const Lanes& lanes) const {
  double cycles = 0;
  for (const Statement& statement : block) cycles += statement_cycles(statement, lanes);
  return cycles;
}

// The variable whose iterations should fill the lanes; none where inner loops do better.
std::optional<VariableIndex> Planner::choose_vector(const std::vector<VariableIndex>& variables, const Block& body,
                                                    const Overhead& overhead, double* best) const {
  double steps = steps_of(variables);
  std::optional<VariableIndex> chosen;
  *best = steps * (block_cycles(body, {}) + overhead.scalar_step);
  for (VariableIndex variable : variables) {
    if (extent(variable) < 2) continue;
    int lanes = lanes_for(variable);
    int64_t vectors = divide_up(extent(variable), lanes);
    double vector_steps = steps / static_cast<double>(extent(variable)) * static_cast<double>(vectors);
    double cycles = vector_steps * (block_cycles(body, {variable, lanes}) + overhead.vector_step) + overhead.at_end;
    // Of equals, the inner loop: its stores are contiguous more often.
    if (cycles <= *best) {
      *best = cycles;
      chosen = variable;
    }
  }
  return chosen;
}

std::optional<VariableIndex> Planner::choose_vector(const PerfectNest& nest, double* best) const {
  return choose_vector(nest.variables, *nest.body, {}, best);
}

std::optional<VariableIndex> Planner::choose_vector(const ReduceLoop& loop, double* best) const {
  return choose_vector(loop.variables, loop.body, {.scalar_step = 1, .vector_step = 0.5, .at_end = target_.horizontal},
                       best);
}

}  // namespace tarn
