// What the planner and the emitter ask of a kernel: which variables a scalar depends on, where it is defined, and the
// address of an access as a sum over variables.
#pragma once

#include <bitset>
#include <optional>
#include <vector>

#include "codegen/kernel/kernel.h"

namespace tarn {

using VariableSet = std::bitset<256>;

struct KernelFacts {
  std::vector<VariableSet> depends;          // of each scalar, through its operands
  std::vector<const Statement*> definition;  // of each scalar
  std::vector<int> uses;                     // of each scalar: how many operands, indices, stores and yields it is
};

// `kernel` must outlive the facts and stay where it is.
KernelFacts find_facts(const Kernel& kernel);

VariableSet variables_of(const Access& access);  // those of its affine terms
bool has_loaded_index(const Access& access);

// True where the element is always inside its buffer and at a linear address (of variables and loaded indices).
bool is_simple(const Access& access);

// Address in elements; only for simple accesses.
struct FlatAddress {
  std::vector<IndexExpression::Term> terms;  // no zero coefficient
  std::vector<IndexExpression::Loaded> loaded;
  int64_t offset = 0;

  int64_t stride(VariableIndex variable) const;
};
FlatAddress flat_address(const Kernel& kernel, const Access& access);

// A `for` loop and the loops within it that are all of a body but scalar code, outermost first.
struct PerfectNest {
  std::vector<VariableIndex> variables;
  const Block* body = nullptr;  // of the innermost
};
PerfectNest perfect_nest(const ForLoop& loop);

// The domain (kernel.h, K5), or null.
const ForLoop* domain_of(const Kernel& kernel);

// The yield, where it is a product that only this sum reads: both may be one multiply-add.
const Compute* product_of(const Kernel& kernel, const KernelFacts& facts, const ReduceLoop& loop);

// No loop and no store: may be computed where it is needed.
bool is_pure(const Statement& statement);

// The scalar that a statement defines.
std::optional<ScalarIndex> result_of(const Statement& statement);

}  // namespace tarn
