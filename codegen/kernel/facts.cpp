// Dependences and addresses of kernels.
#include "codegen/kernel/facts.h"

#include <algorithm>
#include <map>

#include "ir/base/check.h"

namespace tarn {

namespace {

class FactFinder {
 public:
  explicit FactFinder(const Kernel& kernel) : kernel_(kernel) {
    TARN_CHECK(kernel.variables.size() <= VariableSet().size(), "@{} has {} loop variables", kernel.name,
               kernel.variables.size());
    facts_.depends.resize(kernel.scalars.size());
    facts_.definition.resize(kernel.scalars.size(), nullptr);
    facts_.uses.resize(kernel.scalars.size(), 0);
  }

  KernelFacts run() {
    block(kernel_.body);
    return std::move(facts_);
  }

 private:
  void block(const Block& body) {
    for (const Statement& statement : body) {
      if (std::optional<ScalarIndex> result = result_of(statement)) facts_.definition[*result] = &statement;
      std::visit([&](const auto& node) { visit(node); }, statement.node);
    }
  }

  void visit(const Constant&) {}
  void visit(const Store& node) { ++facts_.uses[node.value]; }
  void visit(const Compute& node) {
    for (ScalarIndex operand : node.operands) {
      facts_.depends[node.result] |= facts_.depends[operand];
      ++facts_.uses[operand];
    }
  }
  void visit(const ReadIndex& node) { facts_.depends[node.result].set(node.variable); }
  void visit(const Load& node) {
    VariableSet& depends = facts_.depends[node.result];
    depends = variables_of(node.access);
    for (const IndexExpression& index : node.access.indices) {
      for (const auto& loaded : index.loaded) {
        depends |= facts_.depends[loaded.scalar];
        ++facts_.uses[loaded.scalar];
      }
    }
  }
  void visit(const ForLoop& node) { block(node.body); }
  void visit(const ReduceLoop& node) {
    block(node.body);
    ++facts_.uses[node.yield];
    VariableSet& depends = facts_.depends[node.result];
    depends = facts_.depends[node.yield];
    for (VariableIndex variable : node.variables) depends.reset(variable);
  }

  const Kernel& kernel_;
  KernelFacts facts_;
};

}  // namespace

KernelFacts find_facts(const Kernel& kernel) {
  return FactFinder(kernel).run();
}

VariableSet variables_of(const Access& access) {
  VariableSet set;
  for (const IndexExpression& index : access.indices) {
    for (const IndexExpression::Term& term : index.terms) set.set(term.variable);
  }
  return set;
}

bool has_loaded_index(const Access& access) {
  return std::any_of(access.indices.begin(), access.indices.end(),
                     [](const IndexExpression& index) { return !index.loaded.empty(); });
}

bool is_simple(const Access& access) {
  if (access.guarded) return false;
  for (const IndexExpression& index : access.indices) {
    if (index.divisor != 1) return false;
  }
  return true;
}

int64_t FlatAddress::stride(VariableIndex variable) const {
  for (const IndexExpression::Term& term : terms) {
    if (term.variable == variable) return term.coefficient;
  }
  return 0;
}

FlatAddress flat_address(const Kernel& kernel, const Access& access) {
  Shape strides = row_major_strides(kernel.buffers[access.buffer].type.shape);
  std::map<VariableIndex, int64_t> sum;
  FlatAddress address;
  for (size_t d = 0; d < access.indices.size(); ++d) {
    address.offset += strides[d] * access.indices[d].offset;
    for (const auto& term : access.indices[d].terms) sum[term.variable] += strides[d] * term.coefficient;
    for (const auto& loaded : access.indices[d].loaded) {
      address.loaded.push_back({loaded.scalar, strides[d] * loaded.coefficient});
    }
  }
  for (auto [variable, coefficient] : sum) {
    if (coefficient != 0) address.terms.push_back({variable, coefficient});
  }
  return address;
}

static const ForLoop* only_loop(const Block& body) {
  if (body.empty() || !std::all_of(body.begin(), body.end() - 1, is_pure)) return nullptr;
  return std::get_if<ForLoop>(&body.back().node);
}

PerfectNest perfect_nest(const ForLoop& loop) {
  PerfectNest nest{{loop.variable}, &loop.body};
  while (const ForLoop* inner = only_loop(*nest.body)) {
    nest.variables.push_back(inner->variable);
    nest.body = &inner->body;
  }
  return nest;
}

const ForLoop* domain_of(const Kernel& kernel) {
  return only_loop(kernel.body);
}

const Compute* product_of(const Kernel& kernel, const KernelFacts& facts, const ReduceLoop& loop) {
  if (loop.kind != ReduceKind::Sum || facts.uses[loop.yield] != 1) return nullptr;
  const Compute* compute = std::get_if<Compute>(&facts.definition[loop.yield]->node);
  return compute && compute->op == ScalarOp::Mul && kernel.scalars[loop.yield] != DType::Bool ? compute : nullptr;
}

bool is_pure(const Statement& statement) {
  return !std::holds_alternative<Store>(statement.node) && !std::holds_alternative<ForLoop>(statement.node) &&
         !std::holds_alternative<ReduceLoop>(statement.node);
}

std::optional<ScalarIndex> result_of(const Statement& statement) {
  return std::visit(
      [](const auto& node) -> std::optional<ScalarIndex> {
        if constexpr (requires { node.result; }) {
          return node.result;
        } else {
          return std::nullopt;
        }
      },
      statement.node);
}

}  // namespace tarn
