// Renames loop variables, drops loops of one iteration, merges nests over contiguous memory.
#include "codegen/kernel/prepare.h"

#include <algorithm>
#include <functional>
#include <map>

#include "codegen/kernel/facts.h"

namespace tarn {

namespace {

template <typename Function>
void for_each_statement(Block& block, const Function& function) {
  for (Statement& statement : block) {
    function(statement);
    if (ForLoop* loop = std::get_if<ForLoop>(&statement.node)) for_each_statement(loop->body, function);
    if (ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) for_each_statement(loop->body, function);
  }
}

Access* access_of(Statement& statement) {
  if (Load* load = std::get_if<Load>(&statement.node)) return &load->access;
  if (Store* store = std::get_if<Store>(&statement.node)) return &store->access;
  return nullptr;
}

// --- one variable for each loop ---

class Renamer {
 public:
  explicit Renamer(Kernel& kernel) : kernel_(kernel), old_(std::move(kernel.variables)), name_(old_.size(), 0) {
    kernel_.variables.clear();
  }

  void block(Block& body) {
    for (Statement& statement : body) {
      if (Access* access = access_of(statement)) rename(*access);
      if (ReadIndex* read = std::get_if<ReadIndex>(&statement.node)) read->variable = name_[read->variable];
      if (ForLoop* loop = std::get_if<ForLoop>(&statement.node)) {
        loop->variable = enter(loop->variable);
        block(loop->body);
      }
      if (ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) {
        for (VariableIndex& variable : loop->variables) variable = enter(variable);
        block(loop->body);
      }
    }
  }

 private:
  VariableIndex enter(VariableIndex old) {
    kernel_.variables.push_back(old_[old]);
    name_[old] = static_cast<VariableIndex>(kernel_.variables.size() - 1);
    return name_[old];
  }

  void rename(Access& access) {
    for (IndexExpression& index : access.indices) {
      for (IndexExpression::Term& term : index.terms) term.variable = name_[term.variable];
    }
  }

  Kernel& kernel_;
  std::vector<IndexVariable> old_;
  std::vector<VariableIndex> name_;
};

// --- loops of one iteration ---

void drop_terms(Kernel& kernel, VariableIndex variable) {
  for_each_statement(kernel.body, [&](Statement& statement) {
    if (Access* access = access_of(statement)) {
      for (IndexExpression& index : access->indices) {
        std::erase_if(index.terms, [&](const auto& term) { return term.variable == variable; });
      }
    }
  });
}

void drop_single_loops(Kernel& kernel, Block& block) {
  Block result;
  for (Statement& statement : block) {
    if (const ReadIndex* read = std::get_if<ReadIndex>(&statement.node)) {
      if (kernel.variables[read->variable].extent == 1) statement.node = Constant{read->result, 0};
    }
    if (ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) {
      drop_single_loops(kernel, loop->body);
      std::erase_if(loop->variables, [&](VariableIndex v) { return kernel.variables[v].extent == 1; });
    }
    ForLoop* loop = std::get_if<ForLoop>(&statement.node);
    if (loop) drop_single_loops(kernel, loop->body);
    if (loop && kernel.variables[loop->variable].extent == 1) {
      std::move(loop->body.begin(), loop->body.end(), std::back_inserter(result));
    } else {
      result.push_back(std::move(statement));
    }
  }
  block = std::move(result);
}

// --- divisors that do not change from iteration to iteration ---

// x / c to x * (1 / c) where c is the same in all iterations of the innermost loop: a division takes as long as 16 to
// 30 products.  At most 1.5 ulp; right for 0, infinity and NaN; wrong only for |c| < 2^-128, whose reciprocal
// overflows.
class DivisionRewriter {
 public:
  explicit DivisionRewriter(Kernel& kernel) : kernel_(kernel), facts_(find_facts(kernel)) {}

  void block(Block& body, const VariableSet& innermost) {
    Block result;
    for (Statement& statement : body) {
      if (ForLoop* loop = std::get_if<ForLoop>(&statement.node)) block(loop->body, set_of({loop->variable}));
      if (ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) block(loop->body, set_of(loop->variables));
      if (Compute* compute = std::get_if<Compute>(&statement.node)) rewrite(*compute, innermost);
      std::optional<ScalarIndex> defined = result_of(statement);
      result.push_back(std::move(statement));
      if (defined && reciprocal_.contains(*defined)) append_reciprocal(result, *defined);
    }
    body = std::move(result);
  }

  // Which divisors: a pass of its own, as they are defined before they are used.
  void find(const Block& body, const VariableSet& innermost) {
    for (const Statement& statement : body) {
      if (const ForLoop* loop = std::get_if<ForLoop>(&statement.node)) find(loop->body, set_of({loop->variable}));
      if (const ReduceLoop* loop = std::get_if<ReduceLoop>(&statement.node)) find(loop->body, set_of(loop->variables));
      const Compute* compute = std::get_if<Compute>(&statement.node);
      if (compute && is_slow(*compute, innermost)) reciprocal_.try_emplace(compute->operands[1], new_scalar());
    }
  }

 private:
  static VariableSet set_of(const std::vector<VariableIndex>& variables) {
    VariableSet set;
    for (VariableIndex variable : variables) set.set(variable);
    return set;
  }

  bool is_slow(const Compute& compute, const VariableSet& innermost) const {
    if (compute.op != ScalarOp::Div || kernel_.scalars[compute.result] != DType::F32) return false;
    return (facts_.depends[compute.operands[0]] & innermost).any() &&
           (facts_.depends[compute.operands[1]] & innermost).none();
  }

  void rewrite(Compute& compute, const VariableSet& innermost) {
    if (is_slow(compute, innermost))
      compute = {compute.result, ScalarOp::Mul, {compute.operands[0], reciprocal_[compute.operands[1]]}};
  }

  ScalarIndex new_scalar() {
    kernel_.scalars.push_back(DType::F32);
    return static_cast<ScalarIndex>(kernel_.scalars.size() - 1);
  }

  void append_reciprocal(Block& block, ScalarIndex divisor) {
    ScalarIndex one = new_scalar();
    block.push_back({Constant{one, 1}});
    block.push_back({Compute{reciprocal_[divisor], ScalarOp::Div, {one, divisor}}});
  }

  Kernel& kernel_;
  KernelFacts facts_;
  std::map<ScalarIndex, ScalarIndex> reciprocal_;  // of each divisor
};

// --- nests over contiguous memory ---

// Replaces the accesses of buffers that have only simple ones by accesses of a vector of the same elements.
void flatten_buffers(Kernel& kernel) {
  std::vector<bool> is_flat(kernel.buffers.size(), true);
  for_each_statement(kernel.body, [&](Statement& statement) {
    Access* access = access_of(statement);
    if (access && !is_simple(*access)) is_flat[access->buffer] = false;
  });
  for_each_statement(kernel.body, [&](Statement& statement) {
    Access* access = access_of(statement);
    if (!access || !is_flat[access->buffer]) return;
    FlatAddress address = flat_address(kernel, *access);
    access->indices = {IndexExpression{std::move(address.terms), address.offset, 1, std::move(address.loaded)}};
  });
  for (size_t b = 0; b < kernel.buffers.size(); ++b) {
    if (is_flat[b]) kernel.buffers[b].type.shape = {kernel.buffers[b].type.elements()};
  }
}

// True where every use of the two variables has the form outer * extent(inner) + inner.
bool can_merge(Kernel& kernel, VariableIndex outer, VariableIndex inner) {
  bool result = true;
  int64_t extent = kernel.variables[inner].extent;
  for_each_statement(kernel.body, [&](Statement& statement) {
    if (const ReadIndex* read = std::get_if<ReadIndex>(&statement.node)) {
      if (read->variable == outer || read->variable == inner) result = false;
    }
    const Access* access = access_of(statement);
    if (!access) return;
    VariableSet used = variables_of(*access);
    if (!used[outer] && !used[inner]) return;
    if (!is_simple(*access)) {
      result = false;
      return;
    }
    FlatAddress address = flat_address(kernel, *access);
    if (address.stride(outer) != address.stride(inner) * extent) result = false;
  });
  return result;
}

void merge(Kernel& kernel, VariableIndex outer, VariableIndex inner) {
  drop_terms(kernel, outer);
  kernel.variables[inner].extent *= kernel.variables[outer].extent;
}

// The loop that is all of `body` but scalar code, or null.
ForLoop* only_loop(Block& body) {
  if (body.empty() || !std::all_of(body.begin(), body.end() - 1, is_pure)) return nullptr;
  return std::get_if<ForLoop>(&body.back().node);
}

void merge_loops(Kernel& kernel, Block& block) {
  for (Statement& statement : block) {
    if (ReduceLoop* reduce = std::get_if<ReduceLoop>(&statement.node)) {
      merge_loops(kernel, reduce->body);
      std::vector<VariableIndex>& variables = reduce->variables;
      for (size_t i = variables.size(); i-- > 1;) {
        if (!can_merge(kernel, variables[i - 1], variables[i])) continue;
        merge(kernel, variables[i - 1], variables[i]);
        variables.erase(variables.begin() + static_cast<std::ptrdiff_t>(i) - 1);
      }
    }
    ForLoop* loop = std::get_if<ForLoop>(&statement.node);
    if (!loop) continue;
    merge_loops(kernel, loop->body);
    ForLoop* inner = only_loop(loop->body);
    if (!inner || !can_merge(kernel, loop->variable, inner->variable)) continue;
    merge(kernel, loop->variable, inner->variable);
    Block body(std::make_move_iterator(loop->body.begin()), std::make_move_iterator(loop->body.end() - 1));
    std::move(inner->body.begin(), inner->body.end(), std::back_inserter(body));
    loop->variable = inner->variable;
    loop->body = std::move(body);
  }
}

}  // namespace

Kernel prepare(const Kernel& kernel) {
  Kernel result = kernel;
  Renamer(result).block(result.body);
  drop_single_loops(result, result.body);
  for (VariableIndex v = 0; v < result.variables.size(); ++v) {
    if (result.variables[v].extent == 1) drop_terms(result, v);
  }
  flatten_buffers(result);
  merge_loops(result, result.body);
  DivisionRewriter divisions(result);
  divisions.find(result.body, {});
  divisions.block(result.body, {});
  return result;
}

}  // namespace tarn
