// How much memory an operand of a nest covers.
#include "codegen/target/cpu/schedule/footprint.h"

#include <algorithm>
#include <cstdlib>

namespace tarn {

bool Operand::depends_on(VariableIndex variable) const {
  return std::any_of(terms.begin(), terms.end(), [&](const auto& term) { return term.variable == variable; });
}

// From the smallest stride on: a step no longer than what is covered so far makes that longer; a greater one repeats
// it.
double Operand::bytes(const std::function<int64_t(VariableIndex)>& extent) const {
  double span = 1, repeats = 1;
  for (size_t i = 0; i < terms.size();) {
    int64_t stride = std::abs(terms[i].coefficient), steps = 0;
    for (; i < terms.size() && std::abs(terms[i].coefficient) == stride; ++i) steps += extent(terms[i].variable) - 1;
    if (repeats == 1 && static_cast<double>(stride) <= 2 * span) {
      span += static_cast<double>(stride * steps);
    } else {
      repeats *= static_cast<double>(steps + 1);
    }
  }
  // Memory comes in lines of 64 bytes.
  double line = std::max(span * static_cast<double>(element_bytes), 64.0);
  return repeats == 1 ? span * static_cast<double>(element_bytes) : repeats * line;
}

Operand operand_of(const Kernel& kernel, const Access& access) {
  Operand operand{0, flat_address(kernel, access).terms, dtype_bytes(kernel.buffers[access.buffer].type.dtype)};
  std::stable_sort(operand.terms.begin(), operand.terms.end(),
                   [](const auto& a, const auto& b) { return std::abs(a.coefficient) < std::abs(b.coefficient); });
  return operand;
}

std::vector<Operand> operands_of(const Kernel& kernel, const ReduceLoop& loop) {
  std::vector<Operand> operands;
  for (const Statement& statement : loop.body) {
    const Load* load = std::get_if<Load>(&statement.node);
    if (!load || !is_simple(load->access) || has_loaded_index(load->access)) continue;
    Operand operand = operand_of(kernel, load->access);
    operand.scalar = load->result;
    if (std::any_of(loop.variables.begin(), loop.variables.end(), [&](auto v) { return operand.depends_on(v); })) {
      operands.push_back(std::move(operand));
    }
  }
  return operands;
}

}  // namespace tarn
