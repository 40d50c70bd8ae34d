// What a rule of the simplify pass sees: one op, its operands in the new function, and the ops that define those.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ir/builder.h"
#include "ir/op_def.h"

namespace tarn {

// Definitions of the new function's values, kept up as it grows.
class Definitions {
 public:
  explicit Definitions(const Func& func) : func_(func) {}
  // nullptr for arguments; valid until the next op is emitted.
  const Op* of(ValueId value);

 private:
  const Func& func_;
  std::vector<int> op_of_value_;
  size_t seen_ops_ = 0;
};

struct Match {
  const Op& op;            // the old op: name and attributes
  std::vector<ValueId> x;  // its operands in the new function
  const Type& type;        // of its result
  Builder& b;
  Definitions& definitions;

  bool is(std::string_view name) const { return op.def->name == name; }
  const std::vector<int64_t>& ints(std::string_view key) const { return attr_ints(op.attrs, key); }
  const Type& type_of(size_t operand) const { return b.type(x[operand]); }

  // The op that defines operand i where it has that name, as a copy that outlives emission.
  std::optional<Op> operand(size_t i, std::string_view name) const;
  // The number that every element of the value is, where it is a constant.
  std::optional<double> constant(ValueId value) const;
  bool is_constant(size_t i, double number) const { return constant(x[i]) == number; }
};

// The value that can stand for the op's result, or nullopt where no rule fits.
using Rule = std::optional<ValueId> (*)(Match&);

std::optional<ValueId> simplify_arithmetic(Match& m);  // simplify_arithmetic.cpp
std::optional<ValueId> simplify_shape(Match& m);       // simplify_shape.cpp: views, reductions, contracts

}  // namespace tarn
