// How often each scalar of a kernel is used, and from where: what decides whether it gets a name, an array of them, or
// is written where it is used.
#include <algorithm>

#include "codegen/target/c/emit/kernel_emitter.h"

namespace tarn::c_source {

bool KernelEmitter::runs(std::span<const VariableIndex> variables) const {
  return std::all_of(variables.begin(), variables.end(),
                     [&](VariableIndex variable) { return kernel_.variables[variable].extent > 0; });
}

void KernelEmitter::number(const Block& block) {
  for (const Statement& statement : block) {
    if (const ForLoop* loop = std::get_if<ForLoop>(&statement.node)) {
      now_ = {now_.strip + 1, 0};
      number(loop->body);
      now_ = {now_.strip + 1, 0};
    } else if (const ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) {
      now_ = {now_.strip + 1, 0};
      number(loop->body);
      place_[&statement] = now_;
      now_ = {now_.strip + 1, 0};
    } else {
      place_[&statement] = now_;
      now_.part += std::holds_alternative<Store>(statement.node);
    }
    if (std::optional<ScalarIndex> result = result_of(statement)) uses_[*result].made = now_;
  }
}

void KernelEmitter::use(ScalarIndex scalar, Place place, const VariableSet& by, bool needs_name) {
  Use& use = uses_[scalar];
  ++use.count;
  use.used = place;
  use.by = by;
  use.crosses_strips |= place.strip != use.made.strip;
  use.needs_name |= needs_name;
}

void KernelEmitter::use(const Access& access, Place place, const VariableSet& by) {
  for (const IndexExpression& index : access.indices) {
    for (const auto& loaded : index.loaded) use(loaded.scalar, place, by, true);
  }
}

// Backwards, so that what only unused code needs is unused too.
void KernelEmitter::count_uses(const Block& block) {
  for (size_t i = block.size(); i-- > 0;) count_uses(block[i]);
}

void KernelEmitter::count_uses(const Statement& statement) {
  std::optional<ScalarIndex> result = result_of(statement);
  if (result && uses_[*result].count == 0) return;
  Place place = place_[&statement];
  VariableSet by = depends(statement);
  if (const ForLoop* loop = std::get_if<ForLoop>(&statement.node)) {
    if (runs({&loop->variable, 1})) count_uses(loop->body);
  } else if (const ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) {
    if (!runs(loop->variables)) return;
    bool needs_name = loop->kind != ReduceKind::Sum && loop->kind != ReduceKind::Prod;
    use(loop->yield, place, facts_.depends[loop->yield], needs_name);
    count_uses(loop->body);
  } else if (const Compute* compute = std::get_if<Compute>(&statement.node)) {
    DType from = kernel_.scalars[compute->operands.back()];
    for (ScalarIndex operand : compute->operands) use(operand, place, by, needs_names(compute->op, from));
  } else if (const Load* load = std::get_if<Load>(&statement.node)) {
    use(load->access, place, by);
  } else if (const Store* store = std::get_if<Store>(&statement.node)) {
    use(store->access, place, by);
    use(store->value, place, by);
  }
}

VariableSet KernelEmitter::depends(const Statement& statement) const {
  if (std::optional<ScalarIndex> result = result_of(statement)) return facts_.depends[*result];
  const Store* store = std::get_if<Store>(&statement.node);
  return store ? variables_of(store->access) | facts_.depends[store->value] : VariableSet();
}

int KernelEmitter::copies(const VariableSet& depends) const {
  return rows_ && depends[rows_->variable] ? static_cast<int>(rows_->count) : 1;
}

bool KernelEmitter::may_hold(ScalarIndex scalar) const {
  const Use& use = uses_[scalar];
  const VariableSet& depends = facts_.depends[scalar];
  return use.count == 1 && use.made == use.used && !use.needs_name && is_column(depends) == is_column(use.by) &&
         copies(depends) == copies(use.by);
}

bool KernelEmitter::is_array(ScalarIndex scalar) const {
  const Statement& made = *facts_.definition[scalar];
  bool is_written_in_place =
      std::holds_alternative<ReadIndex>(made.node) || std::holds_alternative<Constant>(made.node);
  if (is_written_in_place || !is_column(facts_.depends[scalar])) return false;
  return uses_[scalar].crosses_strips || std::holds_alternative<ReduceLoop>(made.node);
}

}  // namespace tarn::c_source
